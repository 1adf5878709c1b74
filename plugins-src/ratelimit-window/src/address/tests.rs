use super::*;

fn group(text: &str, prefix: u8) -> String {
    Address::parse(text).expect("an address").group(prefix)
}

fn contains(network: &str, address: &str) -> bool {
    Network::parse(network).expect("a network").contains(Address::parse(address).expect("an address"))
}

#[test]
fn ipv4_clients_count_alone_and_ipv6_clients_by_prefix() {
    assert_eq!(group("192.0.2.7", 64), "192.0.2.7");
    assert_eq!(group("2001:db8:1:2:3:4:5:6", 64), "2001:db8:1:2::/64");
    assert_eq!(group("2001:db8:1:2:3:4:5:6", 48), "2001:db8:1::/48");
    assert_eq!(group("2001:db8::1", 128), "2001:db8::1");
    assert_eq!(group("fe80::1%eth0", 64), "fe80::/64");
}

#[test]
fn an_ipv4_address_in_ipv6_clothes_is_the_same_client() {
    assert_eq!(group("::ffff:192.0.2.7", 64), "192.0.2.7");
    assert!(contains("192.0.2.0/24", "::ffff:192.0.2.7"));
}

#[test]
fn a_network_contains_what_shares_its_prefix() {
    assert!(contains("10.0.0.0/8", "10.255.0.1"));
    assert!(!contains("10.0.0.0/8", "11.0.0.1"));
    assert!(contains("192.0.2.7", "192.0.2.7"));
    assert!(!contains("192.0.2.7", "192.0.2.8"));
    assert!(contains("2001:db8::/32", "2001:db8:ffff::1"));
    assert!(!contains("2001:db8::/32", "2001:db9::1"));
    assert!(contains("0.0.0.0/0", "203.0.113.9"));
    assert!(!contains("::/0", "203.0.113.9"));
    assert!(contains("::/0", "::1"));
}

#[test]
fn a_bad_network_is_refused_with_the_right_one_named() {
    let message = Network::parse("10.0.0.1/8").expect_err("has bits beyond");
    assert!(message.contains("10.0.0.0/8"), "{message}");
    for text in ["", "10.0.0.0/33", "10.0.0.0/x", "2001:db8::/129", "example.org", "10.0.0/8", "10.0.0.0/"] {
        assert!(Network::parse(text).is_err(), "{text}");
    }
}
