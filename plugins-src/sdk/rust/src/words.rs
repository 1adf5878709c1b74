//! The imports' errors in words.

use crate::bindings::wasmpuck::plugin::{
    events, files, http_client, key_admin, keys, messaging, metrics, responder, secrets, shared, storage, tasks,
};
use std::any::Any;

/// A sentence for an error of the contract; `none` for any other.
///
/// The type is known where this is compiled, so that a plugin holds only the words that it needs.
pub fn words<E: 'static>(error: &E) -> Option<String> {
    let error = error as &dyn Any;
    None.or_else(|| error.downcast_ref().map(of_storage))
        .or_else(|| error.downcast_ref().map(of_metrics))
        .or_else(|| error.downcast_ref().map(of_tasks))
        .or_else(|| error.downcast_ref().map(of_events))
        .or_else(|| error.downcast_ref().map(of_messaging))
        .or_else(|| error.downcast_ref().map(of_shared))
        .or_else(|| error.downcast_ref().map(of_keys))
        .or_else(|| error.downcast_ref().map(of_key_admin))
        .or_else(|| error.downcast_ref().map(of_http_client))
        .or_else(|| error.downcast_ref().map(of_files))
        .or_else(|| error.downcast_ref().map(of_secrets))
        .or_else(|| error.downcast_ref().map(of_responder))
}

fn of_storage(error: &storage::Error) -> String {
    use storage::Error::*;
    match error {
        QuotaExceeded => "the storage is full: grant more storageBytes, or delete something".into(),
        TooLarge => "a key is 1 to 256 bytes and a value at most 65,536 bytes".into(),
        RateLimited => "more writes to the storage a second than granted".into(),
        WrongType => "the stored value is of another type".into(),
        Other(text) => format!("storage: {text}"),
    }
}

fn of_metrics(error: &metrics::Error) -> String {
    use metrics::Error::*;
    match error {
        Undeclared => "the metric was not declared: name it in #[plugin(metrics(…))]".into(),
        WrongLabels => "the metric was declared with another number of labels".into(),
        BadValue => "a counter cannot fall, and a metric's value is finite".into(),
        Other(text) => format!("metrics: {text}"),
    }
}

fn of_tasks(error: &tasks::Error) -> String {
    use tasks::Error::*;
    match error {
        TooMany => "as many tasks as granted exist already".into(),
        TooOften => "the task's interval is below the least one granted".into(),
        BadName => "a task's name is 1 to 64 bytes".into(),
        Other(text) => format!("tasks: {text}"),
    }
}

fn of_events(error: &events::Error) -> String {
    use events::Error::*;
    match error {
        BadTopic => "not a topic: words of a to z, 0 to 9 and -, joined by dots".into(),
        Reserved => "topics under file., key., plugin. and server. are the server's".into(),
        TooLarge => "the event's payload is longer than granted".into(),
        RateLimited => "more events a second than granted".into(),
        TooMany => "as many patterns as granted are subscribed already".into(),
        Other(text) => format!("events: {text}"),
    }
}

fn of_messaging(error: &messaging::Error) -> String {
    use messaging::Error::*;
    match error {
        NoSuchPeer => "there is no such peer".into(),
        NotAllowed => "the operator has not named it among the plugin's peers".into(),
        Cycle => "the peer waits for this plugin".into(),
        TooLarge => "the payload or the reply is longer than granted".into(),
        RateLimited => "more calls of peers a second than granted".into(),
        TimedOut => "the peer did not answer in time".into(),
        UnknownTopic => "the peer does not know the topic".into(),
        Refused(text) => format!("the peer refused: {text}"),
        Failed(text) => format!("the peer broke down: {text}"),
        Other(text) => format!("messaging: {text}"),
    }
}

fn of_shared(error: &shared::Error) -> String {
    use shared::Error::*;
    match error {
        WrongKind => "the shared structure of this name is of another kind".into(),
        QuotaExceeded => "more shared structures, or bytes in them, than granted".into(),
        TooLarge => "a name is 1 to 128 bytes, a key or member 1 to 256".into(),
        NotAllowed => "the scope is not among those that the operator lists in sharedScopes".into(),
        BadValue => "a number is not finite or negative, or a span is 0 or longer than a day".into(),
        Other(text) => format!("shared: {text}"),
    }
}

fn of_keys(error: &keys::Error) -> String {
    use keys::Error::*;
    match error {
        RateLimited => "more look-ups of keys a second than granted".into(),
        BadQuery(text) => format!("the search cannot be done: {text}"),
        Unavailable => "the store of keys does not answer".into(),
        Other(text) => format!("keys: {text}"),
    }
}

fn of_key_admin(error: &key_admin::Error) -> String {
    use key_admin::Error::*;
    match error {
        NotAllowed => "the verb is not in the plugin's keyAdmin list".into(),
        RateLimited => "more changes of keys a second than granted".into(),
        Missing => "there is no such certificate".into(),
        Unusable(text) => format!("the certificate cannot be taken: {text}"),
        Refused((code, text)) => format!("the certificate was not admitted ({code}): {text}"),
        Unavailable => "the store of keys does not answer".into(),
        Other(text) => format!("key-admin: {text}"),
    }
}

fn of_http_client(error: &http_client::Error) -> String {
    use http_client::Error::*;
    match error {
        NotAllowed(text) => format!("the operator does not allow this address: {text}"),
        BadRequest(text) => format!("the request cannot be sent: {text}"),
        Unresolvable => "the server's name cannot be resolved".into(),
        PrivateAddress(text) => format!("the name leads to a private address: {text}"),
        Unreachable(text) => format!("no connection: {text}"),
        Untrusted(text) => format!("the other server cannot be trusted: {text}"),
        TimedOut => "the other server did not answer in time".into(),
        TooLarge => "the answer is longer than granted".into(),
        BadRedirect(text) => format!("a redirect that cannot be followed: {text}"),
        Broken(text) => format!("the answer is broken: {text}"),
        RateLimited => "more requests than granted".into(),
        NoSuchSecret(name) => format!("the secret {name} is not granted"),
        Other(text) => format!("http-client: {text}"),
    }
}

fn of_files(error: &files::Error) -> String {
    use files::Error::*;
    match error {
        NoSuchFile => "the operator has named no such file".into(),
        Unreadable(text) => format!("the file cannot be read: {text}"),
        Changed => "the file was changed in place while it was open".into(),
        RateLimited => "more bytes of files a second, or more open files, than granted".into(),
        Other(text) => format!("files: {text}"),
    }
}

fn of_secrets(error: &secrets::Error) -> String {
    use secrets::Error::*;
    match error {
        NoSuchSecret => "the operator has listed no such secret".into(),
        NotAllowed => "the secret is not in the plugin's revealSecrets list".into(),
        Unreadable(text) => format!("the secret cannot be read: {text}"),
        Other(text) => format!("secrets: {text}"),
    }
}

fn of_responder(error: &responder::Error) -> String {
    use responder::Error::*;
    match error {
        NotNow => "no request is being answered now".into(),
        Gone => "the client has gone".into(),
        TooLarge => "the answer is longer than granted".into(),
        BadStatus => "a status is 200 to 599".into(),
        Other(text) => format!("responder: {text}"),
    }
}
