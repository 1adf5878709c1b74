//! The custom section that tells the linker what a plugin exports.
//!
//! wit-bindgen describes the imports in the library; which of the exports a plugin has is known where the attribute stands.

use wit_component::{StringEncoding, metadata};
use wit_parser::{Resolve, SourceMap};

const PACKAGE: &str = "wasmpuck:plugin@0.1.0";

macro_rules! contract {
    ($($name:literal)*) => { [$(($name, include_str!(concat!("../wit/", $name, ".wit")))),*] };
}

/// The contract, file by file.
const CONTRACT: [(&str, &str); 23] = contract!(
    "admission" "clock" "events" "files" "formatter" "http-client" "key-admin" "keys" "lifecycle" "log" "messaging" "metrics"
    "middleware" "random" "routes" "script" "secrets" "services" "settings" "shared" "storage" "tasks" "worlds"
);

/// The bytes for a plugin that exports `lifecycle` and these interfaces, or why there are none.
pub fn encode(interfaces: &[&str]) -> Result<Vec<u8>, String> {
    let mut resolve = Resolve::default();
    let mut contract = SourceMap::default();
    for (name, text) in CONTRACT {
        contract.push_str(name, text);
    }
    let group = contract.parse().map_err(|(_, error)| error.to_string())?;
    resolve.push_group(group).map_err(|error| error.to_string())?;
    let (name, version) = PACKAGE.split_once('@').expect("the package has a version");
    let exports: String =
        ["lifecycle"].iter().chain(interfaces).map(|it| format!("export {name}/{it}@{version};")).collect();
    let package = resolve
        .push_source("plugin", &format!("package wasmpuck:sdk; world plugin {{ {exports} }}"))
        .map_err(|error| error.to_string())?;
    let world = resolve.select_world(&[package], Some("plugin")).map_err(|error| error.to_string())?;
    metadata::encode(&resolve, world, StringEncoding::UTF8, None).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arguments::ROLES;
    use std::collections::BTreeSet;
    use std::path::Path;

    #[test]
    fn every_role_alone_and_all_together_are_worlds() {
        let all = ROLES.map(|(_, interface, _)| interface);
        for interface in all {
            assert!(encode(&[interface]).unwrap().len() > 100);
        }
        assert!(encode(&all).unwrap().len() > 100);
    }

    #[test]
    fn no_file_of_the_contract_is_left_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("wit");
        let paths = folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).filter(|path| path.is_file());
        let files: BTreeSet<_> = paths.map(|path| path.file_name().unwrap().to_owned()).collect();
        assert_eq!(files, CONTRACT.iter().map(|(name, _)| format!("{name}.wit").into()).collect());
    }
}
