use super::*;
use wasmpuck_plugin::keys::{Key, Summary, UserId};
use wasmpuck_plugin::routes::Body;
use wasmpuck_plugin::testing::{self, Host};

fn certificate(fingerprint: &str, ids: &[&str]) -> Summary {
    Summary {
        primary: Key {
            fingerprint: fingerprint.into(),
            version: 4,
            algorithm: 22,
            bits: 255,
            created: 0.0,
            expires: None,
            revoked: false,
        },
        subkeys: Vec::new(),
        user_ids: ids.iter().map(|id| UserId { text: (*id).into(), email: String::new(), revoked: false }).collect(),
        size: 500,
        updated: 0.0,
    }
}

/// Status and body of the answer.
fn get(plugin: &mut Wordcount, path: &str, query: &[(&str, &str)]) -> (u16, String) {
    let request = Request {
        client: "192.0.2.1".into(),
        method: "GET".into(),
        path: path.into(),
        rest: String::new(),
        query: query.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        headers: Vec::new(),
        body: Body::Empty,
    };
    match plugin.handle(request).unwrap() {
        Outcome::Respond(Response { status, body: Body::Text(text), .. }) => (status, text),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_words_of_all_user_ids_are_counted() {
    let host = Host::new();
    host.add_key(certificate("0ab1", &["Ada Lovelace <ada@example.org>", "  Ada "]), "");
    let mut plugin: Wordcount = testing::instance("{}").unwrap();
    let (status, body) = get(&mut plugin, WORDS, &[("fingerprint", "0AB1")]);
    assert_eq!((status, body.as_str()), (200, r#"{"fingerprint":"0ab1","words":4,"user_ids":2}"#));
    assert_eq!(get(&mut plugin, WORDS, &[("fingerprint", "ffff")]).0, 404);
}

#[test]
fn the_task_stores_how_many_certificates_there_are() {
    let host = Host::new();
    let mut plugin: Wordcount = testing::instance(r#"{"interval": 5}"#).unwrap();
    plugin.start().unwrap();
    assert_eq!(host.tasks(), ["refresh"]);
    assert_eq!(get(&mut plugin, TOTAL, &[]).0, 404);
    host.add_key(certificate("0ab1", &[]), "");
    plugin.run("refresh").unwrap();
    assert_eq!(get(&mut plugin, TOTAL, &[]), (200, r#"{"total":1,"at":1700000000000}"#.into()));
    assert!(plugin.run("other").is_err());
}

#[test]
fn an_interval_is_a_second_to_a_day() {
    for settings in [r#"{"interval": 0}"#, r#"{"interval": 86401}"#, r#"{"interval": "1"}"#] {
        assert_eq!(testing::instance::<Wordcount>(settings).err().unwrap()[0].path, "interval");
    }
}
