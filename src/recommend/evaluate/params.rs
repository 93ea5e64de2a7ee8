use crate::recommend::evaluate::Error;
use serde::{Serialize, Serializer};
use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// Numbers by name that make a recommender: what a tuner draws, and what a command line sets.
///
/// ```
/// use bespoke::recommend::evaluate::Params;
/// let params: Params = "neighbours=100,back=0.5".parse()?;
/// assert_eq!((params.get("neighbours", 200.0), params.get("k_min", 1.0)), (100.0, 1.0));
/// assert_eq!(params.to_string(), "back=0.5,neighbours=100");
/// # Ok::<(), bespoke::recommend::evaluate::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Params(BTreeMap<Box<str>, f64>);

impl Params {
    /// Without any: every parameter has its default.
    #[must_use]
    pub fn new() -> Params {
        Params::default()
    }

    /// Sets a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: f64) -> Params {
        self.0.insert(name.into(), value);
        self
    }

    /// The value of a parameter, or `default` where it is not set.
    #[must_use]
    pub fn get(&self, name: &str, default: f64) -> f64 {
        self.0.get(name).copied().unwrap_or(default)
    }

    /// The same, rounded to a whole number; one below 0 counts as 0.
    #[must_use]
    pub fn whole(&self, name: &str, default: usize) -> usize {
        self.0.get(name).map_or(default, |value| libm::round(*value) as usize)
    }

    /// Names and values, in order of name.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, f64)> {
        self.0.iter().map(|(name, value)| (&**name, *value))
    }
}

/// `name=number,name=number`
impl FromStr for Params {
    type Err = Error;

    fn from_str(text: &str) -> Result<Params, Error> {
        let mut params = Params::new();
        for setting in text.split(',').filter(|setting| !setting.trim().is_empty()) {
            let refused = || Error::Params(setting.into());
            let (name, value) = setting.split_once('=').ok_or_else(refused)?;
            let value: f64 = value.trim().parse().map_err(|_| refused())?;
            if name.trim().is_empty() || !value.is_finite() {
                return Err(refused());
            }
            params = params.with(name.trim(), value);
        }
        Ok(params)
    }
}

/// What [`FromStr`] reads.
impl fmt::Display for Params {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (name, value)) in self.iter().enumerate() {
            write!(f, "{}{name}={value}", if place == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl Serialize for Params {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.iter())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_as_text() {
        for (text, shown) in [
            ("", Some("")),
            ("k=3", Some("k=3")),
            (" k = 1e2 , a=-0.5,", Some("a=-0.5,k=100")),
            ("k=1,k=2", Some("k=2")),
            ("k", None),
            ("=1", None),
            ("k=x", None),
            ("k=inf", None),
            ("k=NaN", None),
        ] {
            assert_eq!(
                text.parse::<Params>().ok().map(|params| params.to_string()).as_deref(),
                shown,
                "{text}"
            );
        }
        let params = Params::new().with("n", 2.6).with("m", -3.0);
        assert_eq!((params.whole("n", 9), params.whole("m", 9), params.whole("o", 9)), (3, 0, 9));
    }
}
