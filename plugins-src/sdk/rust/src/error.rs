//! The error of a plugin, which every other error becomes by `?`.

use crate::words::words;
use std::fmt;
use std::panic::Location;

pub use crate::bindings::exports::wasmpuck::plugin::lifecycle::{Failure, Problem};

/// What the functions of a plugin return.
pub type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Something that went wrong, with the place in the source where it became this error.
///
/// Every error of the contract's imports and every `std::error::Error` becomes one by `?`. What is made of it:
/// `lifecycle`, `handover.restore`, tasks and events tell it to the server; for all other calls it is logged and the call ends with a trap, so that the
/// operator's policy for failures decides.
pub struct Error(Box<Inner>);

struct Inner {
    kind: Kind,
    text: String,
    source: Option<Box<dyn std::error::Error>>,
    place: &'static Location<'static>,
}

enum Kind {
    Configuration(Vec<Problem>),
    Unavailable,
    Other,
}

impl Error {
    /// An error with these words.
    #[track_caller]
    pub fn new(text: impl Into<String>) -> Self {
        Self::made(Kind::Other, text.into(), None)
    }

    /// Something that the plugin needs is not there.
    #[track_caller]
    pub fn unavailable(text: impl Into<String>) -> Self {
        Self::made(Kind::Unavailable, text.into(), None)
    }

    /// A setting is wrong: its dotted path, and what would be right in one sentence.
    #[track_caller]
    pub fn configuration(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self::problems(vec![Problem { path: path.into(), message: message.into() }])
    }

    /// Several settings are wrong.
    #[track_caller]
    pub fn problems(problems: Vec<Problem>) -> Self {
        let parts: Vec<_> = problems
            .iter()
            .map(|it| if it.path.is_empty() { it.message.clone() } else { format!("{}: {}", it.path, it.message) })
            .collect();
        Self::made(Kind::Configuration(problems), parts.join("; "), None)
    }

    /// The error that this one was made of, if it is a `T`.
    pub fn downcast_ref<T: std::error::Error + 'static>(&self) -> Option<&T> {
        self.0.source.as_deref()?.downcast_ref()
    }

    /// Where it became this error: `src/lib.rs:12:9`.
    pub fn place(&self) -> String {
        self.0.place.to_string()
    }

    #[track_caller]
    fn made(kind: Kind, text: String, source: Option<Box<dyn std::error::Error>>) -> Self {
        Self(Box::new(Inner { kind, text, source, place: Location::caller() }))
    }
}

impl<E: std::error::Error + 'static> From<E> for Error {
    #[track_caller]
    fn from(error: E) -> Self {
        let text = words(&error).unwrap_or_else(|| chain(&error));
        Self::made(Kind::Other, text, Some(Box::new(error)))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        match error.0.kind {
            Kind::Configuration(problems) => Self::Configuration(problems),
            Kind::Unavailable => Self::Unavailable(text),
            Kind::Other => Self::Other(format!("{text} ({})", error.0.place)),
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} ({})", self.0.text, self.0.place)
    }
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text += &format!(": {source}");
        next = source.source();
    }
    text
}

/// Adds words to an error, or makes one of a missing value.
pub trait Context<T> {
    /// Puts `text: ` before the error's words.
    fn context(self, text: impl fmt::Display) -> Result<T>;
}

impl<T, E: Into<Error>> Context<T> for Result<T, E> {
    #[track_caller]
    fn context(self, text: impl fmt::Display) -> Result<T> {
        match self {
            Ok(value) => Ok(value),
            Err(error) => {
                let mut error: Error = error.into();
                error.0.text = format!("{text}: {}", error.0.text);
                Err(error)
            }
        }
    }
}

impl<T> Context<T> for Option<T> {
    #[track_caller]
    fn context(self, text: impl fmt::Display) -> Result<T> {
        match self {
            Some(value) => Ok(value),
            None => Err(Error::new(text.to_string())),
        }
    }
}

/// Returns an error with these words: `bail!("no such rule: {name}")`.
#[macro_export]
macro_rules! bail {
    ($($words:tt)*) => { return ::core::result::Result::Err($crate::Error::new(::std::format!($($words)*))) };
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage;

    fn deep(text: &str) -> Result<u32> {
        storage::set("", "", None).context("writing")?;
        Ok(text.parse::<u32>()?)
    }

    #[test]
    fn errors_of_the_contract_have_words_a_type_and_the_place_of_the_question_mark() {
        let _host = crate::testing::Host::new();
        let error = deep("1").unwrap_err();
        assert!(error.to_string().starts_with("writing: a key is 1 to 256 bytes"), "{error}");
        assert_eq!(error.downcast_ref::<storage::Error>(), Some(&storage::Error::TooLarge));
        assert!(error.place().contains("src/error.rs:"), "{error:?}");
    }

    #[test]
    fn any_error_becomes_one() {
        fn parse() -> Result<u32> {
            Ok("x".parse::<u32>()?)
        }
        let line = line!() - 2;
        let error = parse().unwrap_err();
        assert_eq!(error.to_string(), "invalid digit found in string");
        assert!(error.place().contains(&format!("src/error.rs:{line}:")), "{error:?}");
    }

    #[test]
    fn lifecycle_tells_kinds_of_failures_apart() {
        assert!(
            matches!(Failure::from(Error::configuration("a.b", "no")), Failure::Configuration(all) if all[0].path == "a.b")
        );
        assert!(matches!(Failure::from(Error::unavailable("gone")), Failure::Unavailable(text) if text == "gone"));
        assert!(
            matches!(Failure::from(Error::new("odd")), Failure::Other(text) if text.starts_with("odd (") && text.contains("src/error.rs:"))
        );
    }

    #[test]
    fn a_missing_value_becomes_one_with_context() {
        assert_eq!(None::<u8>.context("nothing there").unwrap_err().to_string(), "nothing there");
    }
}
