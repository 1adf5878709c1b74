//! Client addresses: grouping by prefix, and networks in which they may lie.

use std::net::{IpAddr, Ipv6Addr};

/// An address as one number; an IPv4 address (also one mapped into IPv6) in the low 32 bits.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Address {
    bits: u128,
    v4: bool,
}

impl Address {
    /// Reads an address; a zone (`%eth0`) is dropped.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.split_once('%').map_or(text, |(address, _)| address);
        Some(match text.parse::<IpAddr>().ok()?.to_canonical() {
            IpAddr::V4(address) => Address { bits: u128::from(u32::from(address)), v4: true },
            IpAddr::V6(address) => Address { bits: u128::from(address), v4: false },
        })
    }

    fn width(self) -> u8 {
        if self.v4 { 32 } else { 128 }
    }

    /// The first `prefix` bits of it.
    fn network(self, prefix: u8) -> Self {
        let rest = u32::from(self.width() - prefix);
        Address { bits: self.bits.checked_shr(rest).unwrap_or(0).checked_shl(rest).unwrap_or(0), v4: self.v4 }
    }

    /// The name under which its requests are counted: an IPv4 address alone, an IPv6 address with its neighbours.
    pub fn group(self, ipv6_prefix: u8) -> String {
        if self.v4 || ipv6_prefix >= 128 {
            return self.to_string();
        }
        format!("{}/{ipv6_prefix}", self.network(ipv6_prefix))
    }
}

impl std::fmt::Display for Address {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.v4 {
            // Fits: an IPv4 address is held in the low 32 bits.
            std::net::Ipv4Addr::from(self.bits as u32).fmt(formatter)
        } else {
            Ipv6Addr::from(self.bits).fmt(formatter)
        }
    }
}

/// A network, or one address.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    address: Address,
    prefix: u8,
}

impl Network {
    /// Reads `ADDRESS` or `ADDRESS/PREFIX`; the error says what would be right.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (head, tail) = text.split_once('/').map_or((text, None), |(head, tail)| (head, Some(tail)));
        let address = Address::parse(head).ok_or_else(|| {
            format!("`{text}` is no address or network; write one like 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32")
        })?;
        let width = address.width();
        let prefix = match tail {
            None => width,
            Some(digits) => digits
                .parse::<u8>()
                .ok()
                .filter(|prefix| *prefix <= width)
                .ok_or_else(|| format!("the prefix of `{text}` must be a whole number from 0 to {width}"))?,
        };
        if address.network(prefix) != address {
            return Err(format!("`{text}` has bits beyond its prefix; write {}/{prefix}", address.network(prefix)));
        }
        Ok(Network { address, prefix })
    }

    /// Whether `address` lies in it.
    pub fn contains(&self, address: Address) -> bool {
        self.address.v4 == address.v4 && address.network(self.prefix) == self.address
    }
}

#[cfg(test)]
mod tests;
