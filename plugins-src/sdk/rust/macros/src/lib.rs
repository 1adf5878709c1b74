//! The attribute of `wasmpuck-plugin`; see there.

mod arguments;
mod expand;
mod section;

use proc_macro::TokenStream;

/// Makes a plugin of a type: `#[plugin(middleware, tasks, metrics(REQUESTS))]`.
///
/// The arguments name what the type implements besides `Lifecycle`: `middleware`, `admission`, `routes`, `formatter`, `services`, `tasks`,
/// `events`, `handover`. The component exports these and nothing else. `metrics(…)` lists the statics of the metrics that it reports.
/// Name, version and description are those of `Cargo.toml`.
#[proc_macro_attribute]
pub fn plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let arguments = syn::parse_macro_input!(arguments as arguments::Arguments);
    let item = syn::parse_macro_input!(item as syn::Item);
    expand::expand(&arguments, &item).unwrap_or_else(|error| error.to_compile_error()).into()
}
