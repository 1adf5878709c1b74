//! What wit-bindgen makes of the contract. The attribute `#[plugin]` says which of the exports a plugin has.

#![allow(missing_docs, clippy::all)]

wit_bindgen::generate!({
    path: "wit",
    world: "runtime",
    pub_export_macro: true,
    export_macro_name: "export_everything",
    additional_derives: [PartialEq],
    generate_unused_types: true,
});
