use super::*;
use wasmpuck_plugin::testing::{self, Host};

fn asked(plugin: &mut Probe, topic: &str, payload: &str) -> Value {
    let question = Question { caller: "somebody".into(), topic: topic.into(), payload: payload.into() };
    match plugin.call(question).unwrap() {
        Reply::Answer(text) => serde_json::from_str(&text).unwrap(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn results_and_errors_come_as_json() {
    let _host = Host::new();
    let mut plugin: Probe = testing::instance("{}").unwrap();
    assert_eq!(asked(&mut plugin, "storage.set-bytes", r#"["a", [0, 255], null]"#), Value::Null);
    assert_eq!(asked(&mut plugin, "storage.get-bytes", r#"["a"]"#), json!([0, 255]));
    let error = asked(&mut plugin, "storage.set", r#"["", "x", null]"#);
    assert_eq!((&error["error"], &error["detail"]), (&json!("too-large"), &Value::Null));
    assert!(error["type"].as_str().unwrap().ends_with("::storage::Error"));
}

#[test]
fn every_import_has_a_service_and_each_topic_is_known() {
    let _host = Host::new();
    let plugin: Probe = testing::instance("{}").unwrap();
    let services = plugin.services();
    assert_eq!(services.len(), 16);
    for service in services {
        let interface = service.kind.strip_prefix("probe-").unwrap();
        assert!(service.topics.iter().all(|topic| topic.starts_with(&format!("{interface}."))));
    }
}
