//! People, as the benches of the crate draw them.

use crate::rules;
use bespoke::model::Body;
use fastrand::Rng;

/// Who a person is, in plain fields.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Person {
    pub country: String,
    pub plan: String,
    pub city: String,
    pub age: i64,
    /// In tenths.
    pub score: i64,
    pub balance: i64,
}

impl Person {
    /// So many people.
    #[must_use]
    pub fn draw(count: usize, seed: u64) -> Vec<Person> {
        let rng = &mut Rng::with_seed(seed);
        (0..count).map(|_| Person::drawn(rng)).collect()
    }

    fn drawn(rng: &mut Rng) -> Person {
        let Body::Identify { traits } = rules::identify("somebody", rng).body else {
            panic!("attributes come with an identify");
        };
        let text = |name: &str| {
            let text = traits.get(name).and_then(|value| value.as_str());
            text.unwrap_or_else(|| panic!("everybody has a text `{name}`")).to_owned()
        };
        let number = |name: &str| {
            let number = traits.get(name).and_then(|value| value.as_f64());
            number.unwrap_or_else(|| panic!("everybody has a number `{name}`"))
        };
        Person {
            country: text("country"),
            plan: text("plan"),
            city: text("city"),
            age: number("age") as i64,
            score: (number("score") * 10.0) as i64,
            balance: number("balance") as i64,
        }
    }

    /// Somebody of whom every predicate of [`Rule::of_six`] holds, so that none is left out when it is evaluated.
    ///
    /// [`Rule::of_six`]: crate::Rule::of_six
    #[must_use]
    pub fn whom_six_fit() -> Person {
        Person {
            country: "FR".to_owned(),
            plan: "plus".to_owned(),
            city: "city-17".to_owned(),
            age: 33,
            score: 571,
            balance: 1_800,
        }
    }

    /// The person of [`Person::whom_six_fit`], and six others of whom one predicate does not hold.
    #[must_use]
    pub fn around_six() -> Vec<Person> {
        let fits = Person::whom_six_fit();
        vec![
            Person { country: "DE".to_owned(), ..fits.clone() },
            Person { plan: "free".to_owned(), ..fits.clone() },
            Person { city: "city-18".to_owned(), ..fits.clone() },
            Person { age: 24, ..fits.clone() },
            Person { score: 425, ..fits.clone() },
            Person { balance: 2_500, ..fits.clone() },
            fits,
        ]
    }

    /// The score as a float.
    #[must_use]
    pub fn score(&self) -> f64 {
        self.score as f64 / 10.0
    }
}
