//! The plugin's own table of the configuration.

use crate::error::{Error, Problem, Result};
use crate::host;
use serde::Deserialize;
use serde::de::DeserializeOwned;

/// The settings of a plugin that has none.
#[derive(Deserialize, Clone, Copy, Debug, Default, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct NoSettings {}

/// Reads settings of a JSON text; what does not fit is told with its dotted path.
pub fn parse<T: DeserializeOwned>(json: &str) -> Result<T, Vec<Problem>> {
    let mut reader = serde_json::Deserializer::from_str(json);
    let settings = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = dotted(error.path());
        vec![Problem { path, message: message(error.inner()) }]
    })?;
    reader.end().map_err(|error| vec![Problem { path: String::new(), message: message(&error) }])?;
    Ok(settings)
}

/// One setting, by its dotted key; `none` when it is not set. Asks the server: what `init` was given needs no import.
pub fn get<T: DeserializeOwned>(key: &str) -> Result<Option<T>> {
    let Some(text) = host::settings::get(key) else { return Ok(None) };
    parse(&text).map(Some).map_err(|mut problems| {
        for problem in &mut problems {
            let separator = if problem.path.is_empty() { "" } else { "." };
            problem.path = format!("{key}{separator}{}", problem.path);
        }
        Error::problems(problems)
    })
}

/// All of them. Asks the server: what `init` was given needs no import.
pub fn all<T: DeserializeOwned>() -> Result<T> {
    parse(&host::settings::get_all()).map_err(Error::problems)
}

fn dotted(path: &serde_path_to_error::Path) -> String {
    use serde_path_to_error::Segment;
    let parts = path.iter().filter_map(|segment| match segment {
        Segment::Seq { index } => Some(index.to_string()),
        Segment::Map { key } => Some(key.clone()),
        Segment::Enum { variant } => Some(variant.clone()),
        Segment::Unknown => None,
    });
    parts.collect::<Vec<_>>().join(".")
}

/// Without the place in a text that no operator has seen.
fn message(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&place).unwrap_or(&text).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Inner {
        size: u8,
    }

    #[derive(Deserialize, Debug, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Outer {
        rules: BTreeMap<String, Vec<Inner>>,
    }

    fn problem(json: &str) -> (String, String) {
        let found = parse::<Outer>(json).unwrap_err().remove(0);
        (found.path, found.message)
    }

    #[test]
    fn what_does_not_fit_is_told_with_its_dotted_path() {
        let (path, message) = problem(r#"{"rules": {"names": [{"size": 1}, {"size": 300}]}}"#);
        assert_eq!(path, "rules.names.1.size");
        assert_eq!(message, "invalid value: integer `300`, expected u8");
    }

    #[test]
    fn an_unknown_setting_is_a_problem() {
        let (path, message) = problem(r#"{"rules": {}, "colour": 1}"#);
        assert_eq!(path, "colour");
        assert!(message.starts_with("unknown field `colour`"), "{message}");
    }

    #[test]
    fn a_plugin_without_settings_takes_the_empty_table_alone() {
        assert_eq!(parse::<NoSettings>("{}"), Ok(NoSettings {}));
        assert!(parse::<NoSettings>(r#"{"a": 1}"#).is_err());
    }

    #[test]
    fn text_behind_the_table_is_a_problem() {
        assert!(parse::<NoSettings>("{} {}").is_err());
    }
}
