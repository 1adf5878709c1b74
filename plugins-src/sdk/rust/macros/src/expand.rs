//! The code that `#[plugin(…)]` adds to a type.

use crate::arguments::{Arguments, ROLES};
use crate::section;
use proc_macro2::{Literal, Span, TokenStream};
use quote::{format_ident, quote};
use syn::{Error, Generics, Ident, Item};

pub fn expand(arguments: &Arguments, item: &Item) -> syn::Result<TokenStream> {
    let name = named(item)?;
    let roles: Vec<_> = arguments.roles.iter().map(|role| ROLES[*role]).collect();
    let interfaces: Vec<_> = roles.iter().map(|(_, interface, _)| *interface).collect();
    let section = section::encode(&interfaces).map_err(|error| Error::new(Span::call_site(), error))?;
    let (length, bytes) = (section.len(), Literal::byte_string(&section));
    let exports = ["lifecycle"].iter().chain(&interfaces).map(|interface| {
        let module = format_ident!("{}", interface.replace('-', "_"));
        let export = format_ident!("__export_wasmpuck_plugin_{module}_0_1_0_cabi");
        quote! {
            ::wasmpuck_plugin::__private::exports::wasmpuck::plugin::#module::#export!(
                Exported with_types_in ::wasmpuck_plugin::__private::exports::wasmpuck::plugin::#module
            );
        }
    });
    let traits = roles.iter().map(|(_, _, role)| format_ident!("{role}"));
    let metrics = &arguments.metrics;
    Ok(quote! {
        #item

        const _: () = {
            ::std::thread_local! {
                static INSTANCE: ::core::cell::RefCell<::core::option::Option<#name>> = const { ::core::cell::RefCell::new(::core::option::Option::None) };
            }

            impl ::wasmpuck_plugin::__private::Plugin for #name {
                const NAME: &'static str = ::core::env!("CARGO_PKG_NAME");
                const VERSION: &'static str = ::core::env!("CARGO_PKG_VERSION");
                const DESCRIPTION: &'static str = ::core::env!("CARGO_PKG_DESCRIPTION");

                fn instance() -> &'static ::std::thread::LocalKey<::core::cell::RefCell<::core::option::Option<Self>>> {
                    &INSTANCE
                }

                fn metrics() -> ::std::vec::Vec<::wasmpuck_plugin::metrics::Declaration> {
                    ::std::vec![#((&#metrics).declaration()),*]
                }
            }

            #(const _: fn() = || {
                fn implements<T: ::wasmpuck_plugin::#traits>() {}
                implements::<#name>();
            };)*

            #[cfg(target_arch = "wasm32")]
            const _: () = {
                type Exported = ::wasmpuck_plugin::__private::Exported<#name>;
                #(#exports)*

                #[unsafe(link_section = "component-type:wasmpuck-plugin")]
                #[used]
                static EXPORTS: [u8; #length] = *#bytes;
            };
        };
    })
}

/// The name of a struct or an enum without parameters.
fn named(item: &Item) -> syn::Result<&Ident> {
    let (name, generics): (&Ident, &Generics) = match item {
        Item::Struct(item) => (&item.ident, &item.generics),
        Item::Enum(item) => (&item.ident, &item.generics),
        _ => return Err(Error::new(Span::call_site(), "a plugin is a struct or an enum")),
    };
    if generics.params.is_empty() { Ok(name) } else { Err(Error::new_spanned(generics, "a plugin has no parameters")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expanded(arguments: &str, item: &str) -> syn::Result<String> {
        expand(&syn::parse_str(arguments)?, &syn::parse_str(item)?).map(|tokens| tokens.to_string())
    }

    #[test]
    fn exactly_what_is_named_is_exported() {
        let code = expanded("tasks", "struct Plugin;").unwrap();
        assert!(code.contains("task_handler_0_1_0_cabi") && code.contains("lifecycle_0_1_0_cabi"), "{code}");
        assert!(!code.contains("middleware_0_1_0_cabi"), "{code}");
    }

    #[test]
    fn only_types_without_parameters_are_plugins() {
        assert!(expanded("tasks", "struct Plugin<T>(T);").is_err());
        assert!(expanded("tasks", "fn plugin() {}").is_err());
        assert!(expanded("tasks", "enum Plugin { One }").is_ok());
    }
}
