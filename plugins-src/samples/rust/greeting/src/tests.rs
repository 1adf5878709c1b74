use super::*;
use wasmpuck_plugin::middleware::Verdict;
use wasmpuck_plugin::testing::{self, Host};

fn request(client: &str, query: &[(&str, &str)]) -> Request {
    Request {
        client: client.into(),
        operation: "get".into(),
        method: "GET".into(),
        path: "/pks/lookup".into(),
        query: query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        headers: Vec::new(),
        body: None,
    }
}

#[test]
fn every_answer_gets_the_header_and_is_counted() {
    let host = Host::new();
    let mut plugin: Greeting = testing::instance(r#"{"text": "hi"}"#).unwrap();
    for _ in 0..2 {
        let decision = plugin.on_request(request("192.0.2.1", &[])).unwrap();
        assert_eq!(decision.verdict, Verdict::Next(vec![("x-greeting".into(), "hi".into())]));
    }
    assert_eq!(host.entry("count:get").as_deref(), Some("2"));
    assert_eq!(host.metric("requests", &["get"]), Some(2.0));
}

#[test]
fn a_blocked_address_gets_nothing() {
    let host = Host::new();
    let mut plugin: Greeting = testing::instance(r#"{"block": ["192.0.2.1"]}"#).unwrap();
    let decision = plugin.on_request(request("192.0.2.1", &[])).unwrap();
    assert!(matches!(decision.verdict, Verdict::Respond(answer) if answer.status == 403 && answer.body == "blocked\n"));
    assert_eq!(host.logs()[0].fields, [("client".into(), "192.0.2.1".into())]);
}

#[test]
fn boom_is_an_error_that_says_where() {
    let _host = Host::new();
    let mut plugin: Greeting = testing::instance("{}").unwrap();
    let error = plugin.on_request(request("192.0.2.1", &[("boom", "1")])).unwrap_err();
    assert_eq!(error.to_string(), "boom was asked for");
    assert!(error.place().contains("src/lib.rs:"));
}

#[test]
fn settings_that_do_not_fit_are_told_by_their_paths() {
    let path = |settings: &str| testing::instance::<Greeting>(settings).err().unwrap().remove(0).path;
    assert_eq!(path(r#"{"text": 1}"#), "text");
    assert_eq!(path(r#"{"block": ["192.0.2.1", 2]}"#), "block.1");
    assert_eq!(path(r#"{"text": "a\nb"}"#), "text");
    assert_eq!(path(&format!(r#"{{"text": "{}"}}"#, "a".repeat(81))), "text");
}
