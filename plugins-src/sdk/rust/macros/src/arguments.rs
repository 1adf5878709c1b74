//! What stands in the parentheses of `#[plugin(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Error, Ident, Path, Token, parenthesized};

/// What a plugin can be: the word, the interface of the contract, the trait.
pub const ROLES: [(&str, &str, &str); 8] = [
    ("middleware", "middleware", "Middleware"),
    ("admission", "admission", "Admission"),
    ("routes", "routes", "Routes"),
    ("formatter", "formatter", "Formatter"),
    ("services", "services", "Services"),
    ("tasks", "task-handler", "Tasks"),
    ("events", "event-handler", "Events"),
    ("handover", "handover", "Handover"),
];

/// The roles, as places in `ROLES`, and the paths of the metrics.
#[derive(Default)]
pub struct Arguments {
    pub roles: Vec<usize>,
    pub metrics: Vec<Path>,
}

impl Parse for Arguments {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut arguments = Self::default();
        while !input.is_empty() {
            let word: Ident = input.parse()?;
            if word == "metrics" {
                let list;
                parenthesized!(list in input);
                arguments.metrics.extend(Punctuated::<Path, Token![,]>::parse_terminated(&list)?);
            } else {
                let role = ROLES.iter().position(|(name, _, _)| word == name).ok_or_else(|| unknown(&word))?;
                if arguments.roles.contains(&role) {
                    return Err(Error::new(word.span(), format!("`{word}` is named twice")));
                }
                arguments.roles.push(role);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(arguments)
    }
}

fn unknown(word: &Ident) -> Error {
    let known: Vec<_> = ROLES.iter().map(|(name, _, _)| *name).collect();
    Error::new(
        word.span(),
        format!("`{word}` is nothing that a plugin can be; it can be {}, and have metrics(…)", known.join(", ")),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_and_metrics_are_told_apart() {
        let found: Arguments = syn::parse_str("tasks, metrics(A, b::C), middleware").unwrap();
        assert_eq!(found.roles.iter().map(|role| ROLES[*role].0).collect::<Vec<_>>(), ["tasks", "middleware"]);
        assert_eq!(found.metrics.len(), 2);
    }

    #[test]
    fn an_unknown_role_is_answered_with_the_known_ones() {
        let error = syn::parse_str::<Arguments>("midleware").err().unwrap().to_string();
        assert!(error.contains("`midleware`") && error.contains("admission"), "{error}");
    }

    #[test]
    fn a_role_is_named_once() {
        assert!(syn::parse_str::<Arguments>("tasks, tasks").is_err());
    }
}
