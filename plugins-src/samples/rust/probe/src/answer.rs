//! Results of the contract as JSON.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::any::type_name;
use wasmpuck_plugin::{
    Result, events, files, http_client, key_admin, keys, messaging, metrics, responder, secrets, shared, storage, tasks,
};

/// `None` when there is no such function.
pub type Answer = Option<Value>;

/// The arguments of a call.
pub fn arguments<T: DeserializeOwned>(payload: &str) -> Result<T> {
    Ok(serde_json::from_str(payload)?)
}

/// What a call without errors returned.
pub fn plain(value: impl Serialize) -> Result<Answer> {
    Ok(Some(serde_json::to_value(value)?))
}

/// What a call returned, or the case of its error.
pub fn told<T: Serialize, E: Case>(result: Result<T, E>) -> Result<Answer> {
    result.map_or_else(|error| Ok(Some(failed(error))), plain)
}

/// The case of an error.
pub fn failed<E: Case>(error: E) -> Value {
    let (name, detail) = error.case();
    json!({"error": kebab(name), "detail": detail, "type": type_name::<E>()})
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

/// An error of an import.
pub trait Case {
    /// The case's name and what it carries.
    fn case(self) -> (&'static str, Value);
}

macro_rules! cases {
    ($interface:ident: $($bare:ident)*; $($worded:ident)*) => {
        impl Case for $interface::Error {
            fn case(self) -> (&'static str, Value) {
                match self {
                    $(Self::$bare => (stringify!($bare), Value::Null),)*
                    $(Self::$worded(detail) => (stringify!($worded), json!(detail)),)*
                }
            }
        }
    };
}

cases!(storage: QuotaExceeded TooLarge RateLimited WrongType; Other);
cases!(metrics: Undeclared WrongLabels BadValue; Other);
cases!(tasks: TooMany TooOften BadName; Other);
cases!(events: BadTopic Reserved TooLarge RateLimited TooMany; Other);
cases!(messaging: NoSuchPeer NotAllowed Cycle TooLarge RateLimited TimedOut UnknownTopic; Refused Failed Other);
cases!(shared: WrongKind QuotaExceeded TooLarge NotAllowed BadValue; Other);
cases!(keys: RateLimited Unavailable; BadQuery Other);
cases!(key_admin: NotAllowed RateLimited Missing Unavailable; Unusable Refused Other);
cases!(http_client: Unresolvable TimedOut TooLarge RateLimited;
    NotAllowed BadRequest PrivateAddress Unreachable Untrusted BadRedirect Broken NoSuchSecret Other);
cases!(files: NoSuchFile Changed RateLimited; Unreadable Other);
cases!(secrets: NoSuchSecret NotAllowed; Unreadable Other);
cases!(responder: NotNow Gone TooLarge BadStatus; Other);
