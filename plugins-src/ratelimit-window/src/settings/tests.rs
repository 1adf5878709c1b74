use super::*;

fn accepted(text: &str) -> Settings {
    Settings::parse(text).expect("valid settings")
}

fn problem(text: &str) -> Problem {
    let mut problems = Settings::parse(text).expect_err("a problem");
    assert_eq!(problems.len(), 1, "{problems:?}");
    problems.remove(0)
}

#[test]
fn an_empty_table_gives_the_defaults() {
    let settings = accepted("{}");
    assert_eq!(settings.window, 60_000);
    assert_eq!(
        (settings.limit("get"), settings.limit("index"), settings.limit("add")),
        (Some(600), Some(120), Some(60))
    );
    assert_eq!(
        (settings.limit("hget"), settings.limit("vindex"), settings.limit("stats")),
        (Some(600), Some(120), Some(300))
    );
    assert_eq!((settings.ipv6_prefix, settings.lease, settings.cleaning_interval), (64, 0, 300_000));
    assert!(settings.exempt.is_empty());
}

#[test]
fn a_default_of_the_operators_outranks_built_in_limits_but_not_named_ones() {
    let settings = accepted(r#"{"limits": {"default": 7, "add": 2, "stats": "unlimited"}}"#);
    assert_eq!(settings.limit("get"), Some(7));
    assert_eq!(settings.limit("add"), Some(2));
    assert_eq!(settings.limit("stats"), None);
    assert_eq!(settings.limit("anything new"), Some(7));
    assert_eq!(accepted(r#"{"limits": {"default": "unlimited"}}"#).limit("get"), None);
}

#[test]
fn a_misspelt_key_is_refused_with_the_nearest_name() {
    let found = problem(r#"{"windw": 3}"#);
    assert_eq!(found.path, "windw");
    assert!(found.message.contains("did you mean `window`?"), "{}", found.message);
    let found = problem(r#"{"limits": {"gett": 3}}"#);
    assert_eq!(found.path, "limits.gett");
    assert!(found.message.contains("did you mean `get`?"), "{}", found.message);
    assert!(problem(r#"{"colour": 3}"#).message.contains("known are window, limits"));
}

#[test]
fn a_wrong_type_or_range_is_refused_with_its_path() {
    for (text, path, words) in [
        (r#"{"window": "60"}"#, "window", "seconds from 1 to 86400, not the text `60`"),
        (r#"{"window": 0.5}"#, "window", "not 0.5"),
        (r#"{"lease": 1.5}"#, "lease", "a whole number of requests from 0 to 10000, not 1.5"),
        (r#"{"ipv6Prefix": 129}"#, "ipv6Prefix", "from 1 to 128"),
        (r#"{"limits": 5}"#, "limits", "must be a table"),
        (r#"{"limits": {"get": 0}}"#, "limits.get", "from 1 to 1000000"),
        (r#"{"limits": {"get": true}}"#, "limits.get", "not true"),
        (r#"{"exempt": "10.0.0.0/8"}"#, "exempt", "must be a list"),
        (r#"{"exempt": ["::1", "10.0.0.1/8"]}"#, "exempt.1", "write 10.0.0.0/8"),
        (r#"{"exempt": [7]}"#, "exempt.0", "must be text"),
        ("[]", "", "must be a table, not a list"),
        ("{", "", "not valid JSON"),
    ] {
        let found = problem(text);
        assert_eq!(found.path, path, "{text}");
        assert!(found.message.contains(words), "{text}: {}", found.message);
    }
}

#[test]
fn every_problem_is_named_at_once() {
    assert_eq!(Settings::parse(r#"{"window": 0, "lease": -1, "x": 1}"#).expect_err("problems").len(), 3);
}

#[test]
fn an_unknown_operation_counts_as_other() {
    assert_eq!(counted_as("get"), "get");
    assert_eq!(counted_as("anything new"), "other");
}
