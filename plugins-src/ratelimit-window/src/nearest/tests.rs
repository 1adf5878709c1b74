use super::nearest;

const KNOWN: [&str; 3] = ["window", "limits", "ipv6Prefix"];

#[test]
fn a_slip_finds_its_name_whatever_the_case() {
    assert_eq!(nearest("windows", &KNOWN), Some("window"));
    assert_eq!(nearest("widnow", &KNOWN), Some("window"));
    assert_eq!(nearest("gte", &["get", "add"]), Some("get"));
    assert_eq!(nearest("limit", &KNOWN), Some("limits"));
    assert_eq!(nearest("IPV6PREFIX", &KNOWN), Some("ipv6Prefix"));
    assert_eq!(nearest("ipv6_prefix", &KNOWN), Some("ipv6Prefix"));
}

#[test]
fn a_name_that_is_far_from_all_finds_none() {
    assert_eq!(nearest("colour", &KNOWN), None);
    assert_eq!(nearest("", &KNOWN), None);
}
