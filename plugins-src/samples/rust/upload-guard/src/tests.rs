use super::*;
use wasmpuck_plugin::admission::{Key, Origin};
use wasmpuck_plugin::testing::{self, Host};

fn submission(ids: &[&str]) -> Submission {
    Submission {
        origin: Origin::Upload,
        client: "192.0.2.1".into(),
        source: String::new(),
        primary: Key { fingerprint: "0ab1".into(), version: 4, algorithm: 22, bits: 255, created: 0.0 },
        subkeys: Vec::new(),
        user_ids: ids.iter().map(|id| (*id).into()).collect(),
        size: 500,
        signatures: 1,
        known: false,
        armored: None,
    }
}

#[test]
fn a_forbidden_word_is_refused_in_any_case_and_told() {
    let host = Host::new();
    let mut guard: UploadGuard = testing::instance(r#"{"words": ["Spam"]}"#).unwrap();
    let verdict = guard.judge(submission(&["Best sPAM <a@example.org>"])).unwrap();
    assert_eq!(verdict, Verdict::reject("forbidden-word", "The user id contains the word Spam."));
    let told = ("upload-guard.rejected".to_owned(), r#"{"fingerprint":"0ab1","word":"Spam"}"#.to_owned());
    assert_eq!(host.published(), [told]);
}

#[test]
fn many_user_ids_are_put_into_quarantine() {
    let _host = Host::new();
    let mut guard: UploadGuard = testing::instance(r#"{"max-user-ids": 2}"#).unwrap();
    assert_eq!(guard.judge(submission(&["a", "b"])).unwrap(), Verdict::Accept);
    let verdict = guard.judge(submission(&["a", "b", "c"])).unwrap();
    assert!(matches!(verdict, Verdict::Quarantine(reason) if reason.code == "too-many-user-ids"));
}

#[test]
fn new_certificates_are_counted() {
    let host = Host::new();
    let mut guard: UploadGuard = testing::instance("{}").unwrap();
    guard.start().unwrap();
    assert_eq!(host.subscriptions(), ["key.inserted"]);
    for topic in ["key.inserted", "key.updated", "key.inserted"] {
        let (source, payload) = (String::new(), "{}".into());
        guard.on_event(Event { topic: topic.into(), source, payload, at: 0.0 }).unwrap();
    }
    assert_eq!(host.entry("inserted").as_deref(), Some("2"));
}

#[test]
fn settings_that_do_not_fit_are_told_by_their_paths() {
    let path = |settings: &str| testing::instance::<UploadGuard>(settings).err().unwrap().remove(0).path;
    assert_eq!(path(r#"{"words": ["a", 1]}"#), "words.1");
    assert_eq!(path(r#"{"words": ["a", ""]}"#), "words.1");
    assert_eq!(path(r#"{"max-user-ids": -1}"#), "max-user-ids");
}
