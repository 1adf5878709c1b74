//! Judging requests, and seeing answers.

use crate::Lifecycle;
use crate::error::Result;
use std::time::Duration;

pub use crate::bindings::exports::wasmpuck::plugin::middleware::{
    Amendment, Answer, Challenge, Decision, Delay, Drip, Header, Request, Response, Reuse, ReuseScope, Scope, Verdict,
};
use crate::clock::milliseconds;

/// Sees requests before the server answers them, and answers before they leave.
pub trait Middleware: Lifecycle {
    /// What the plugin wants to see.
    fn scope(&self) -> Scope;

    /// Judges a request.
    fn on_request(&mut self, request: Request) -> Result<Decision>;

    /// Sees an answer; only called when the scope asks for it.
    fn on_response(&mut self, request: Request, answer: Answer) -> Result<Amendment> {
        let _ = (request, answer);
        Ok(Amendment::Keep)
    }
}

impl Scope {
    /// Requests for these paths (`/pks/*`; none: every path), with priority 100 and nothing but what every request has.
    pub fn paths<const N: usize>(paths: [&str; N]) -> Self {
        Self {
            priority: 100,
            paths: paths.map(String::from).into(),
            headers: Vec::new(),
            wants_query: false,
            wants_body: false,
            wants_response: false,
        }
    }

    /// Lower runs first.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Wants these headers of requests too.
    pub fn headers<const N: usize>(mut self, names: [&str; N]) -> Self {
        self.headers.extend(names.map(str::to_ascii_lowercase));
        self
    }

    /// Wants the query too.
    pub fn query(mut self) -> Self {
        self.wants_query = true;
        self
    }

    /// Wants the bodies of requests too.
    pub fn body(mut self) -> Self {
        self.wants_body = true;
        self
    }

    /// Wants to see answers too.
    pub fn response(mut self) -> Self {
        self.wants_response = true;
        self
    }
}

impl Request {
    /// The first header of this name (lower case), if the scope wants it.
    pub fn header(&self, name: &str) -> Option<&str> {
        value(&self.headers, name)
    }

    /// The first parameter of this name, if the scope wants the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        value(&self.query, name)
    }
}

impl Response {
    /// An answer in plain text.
    pub fn text(status: u16, body: impl Into<String>) -> Self {
        Self { status, headers: vec![header("content-type", "text/plain; charset=utf-8")], body: body.into() }
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push(header(name, value));
        self
    }
}

impl Decision {
    /// Go on.
    pub fn next() -> Self {
        Verdict::Next(Vec::new()).into()
    }

    /// Go on, and add these headers to the answer.
    pub fn next_with<const N: usize>(headers: [(&str, &str); N]) -> Self {
        Verdict::Next(headers.map(|(name, value)| header(name, value)).into()).into()
    }

    /// Answer at once.
    pub fn respond(response: Response) -> Self {
        Verdict::Respond(response).into()
    }

    /// Go on after a while.
    pub fn delay(span: Duration) -> Self {
        Verdict::Delay(Delay { milliseconds: milliseconds(span), headers: Vec::new() }).into()
    }

    /// The server may answer so many further requests of this scope in the same way within a span, without asking.
    pub fn reuse(mut self, scope: ReuseScope, requests: u32, span: Duration) -> Self {
        self.reuse = Some(Reuse { scope, requests, milliseconds: milliseconds(span) });
        self
    }
}

impl From<Verdict> for Decision {
    fn from(verdict: Verdict) -> Self {
        Self { verdict, reuse: None }
    }
}

pub(crate) fn header(name: &str, value: &str) -> Header {
    (name.to_ascii_lowercase(), value.into())
}

pub(crate) fn value<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
}
