//! Rules over attributes, as the benches of the crate draw them, and how each peer writes them.

use crate::rules;
use fastrand::Rng;

/// The attributes that rules read. Texts first.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Attribute {
    Country,
    Plan,
    City,
    Age,
    Score,
    Balance,
}

impl Attribute {
    /// All of them.
    pub const ALL: [Attribute; 6] = [
        Attribute::Country,
        Attribute::Plan,
        Attribute::City,
        Attribute::Age,
        Attribute::Score,
        Attribute::Balance,
    ];

    /// As rules name it.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Attribute::Country => "country",
            Attribute::Plan => "plan",
            Attribute::City => "city",
            Attribute::Age => "age",
            Attribute::Score => "score",
            Attribute::Balance => "balance",
        }
    }

    /// Whether it is a text; else it is a number.
    #[must_use]
    pub fn is_text(self) -> bool {
        matches!(self, Attribute::Country | Attribute::Plan | Attribute::City)
    }

    fn named(name: &str) -> Attribute {
        let found = Attribute::ALL.into_iter().find(|attribute| attribute.name() == name);
        found.unwrap_or_else(|| panic!("rules read no attribute `{name}`"))
    }
}

/// What must hold of an attribute. Numbers are whole; those of `score` are tenths.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub enum Test {
    Is(String),
    OneOf(Vec<String>),
    AtLeast(i64),
    Between(i64, i64),
    Above(i64),
    Below(i64),
}

/// One comparison of an attribute.
#[derive(Clone, PartialEq, Eq, Debug)]
#[allow(missing_docs)]
pub struct Predicate {
    pub attribute: Attribute,
    pub test: Test,
}

/// Predicates that must all hold.
#[derive(Clone, Debug)]
pub struct Rule {
    /// In the crate's own language.
    pub text: String,
    /// The same, taken apart.
    pub predicates: Vec<Predicate>,
}

/// How a peer writes a rule.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Between two predicates, with its spaces.
    pub and: &'static str,
    /// Between an attribute and the text that it is.
    pub equals: &'static str,
    /// An attribute that is one of several texts.
    pub one_of: fn(&str, &[String]) -> String,
    /// Whether `score` is an integer in tenths, for want of floats.
    pub in_tenths: bool,
}

impl Predicate {
    /// Reads one of the eight forms that `attribute_rule` draws.
    fn read(text: &str) -> Predicate {
        let mut words = text.split(' ');
        let mut word = || words.next().unwrap_or_else(|| panic!("`{text}` ends too early"));
        let attribute = Attribute::named(word());
        let number = |word: &str| {
            let (whole, tenths) = word.split_once('.').unwrap_or((word, ""));
            let digits =
                if attribute == Attribute::Score { format!("{whole}{tenths:0<1}") } else { word.to_owned() };
            digits.parse().unwrap_or_else(|_| panic!("`{word}` in `{text}` is no number"))
        };
        let unquoted = |word: &str| word.trim_matches(['"', '[', ']', ',']).to_owned();
        let test = match word() {
            "=" => Test::Is(unquoted(word())),
            "in" => Test::OneOf(words.map(unquoted).collect()),
            ">=" => Test::AtLeast(number(word())),
            ">" => Test::Above(number(word())),
            "<" => Test::Below(number(word())),
            "between" => {
                let low = number(word());
                word();
                Test::Between(low, number(word()))
            }
            other => panic!("no rule has `{other}`, as `{text}` does"),
        };
        Predicate { attribute, test }
    }

    fn write(&self, dialect: &Dialect) -> String {
        let name = self.attribute.name();
        let number = |number: i64| match self.attribute {
            Attribute::Score if !dialect.in_tenths => format!("{}.{}", number / 10, number % 10),
            _ => number.to_string(),
        };
        match &self.test {
            Test::Is(text) => format!("{name} {} \"{text}\"", dialect.equals),
            Test::OneOf(texts) => (dialect.one_of)(name, texts),
            Test::AtLeast(low) => format!("{name} >= {}", number(*low)),
            Test::Between(low, high) => {
                format!("{name} >= {}{}{name} <= {}", number(*low), dialect.and, number(*high))
            }
            Test::Above(low) => format!("{name} > {}", number(*low)),
            Test::Below(high) => format!("{name} < {}", number(*high)),
        }
    }
}

impl Rule {
    /// A rule of predicates as `attribute_rule` draws them.
    #[must_use]
    pub fn of(predicates: &[String]) -> Rule {
        Rule {
            text: predicates.join(" and "),
            predicates: predicates.iter().map(|text| Predicate::read(text)).collect(),
        }
    }

    /// Six predicates, one of each attribute; the person with whom it holds is [`Person::whom_six_fit`].
    ///
    /// [`Person::whom_six_fit`]: crate::Person::whom_six_fit
    #[must_use]
    pub fn of_six() -> Rule {
        Rule::of(&[
            r#"country in ["FR", "BE"]"#.to_owned(),
            "age >= 25".to_owned(),
            r#"plan = "plus""#.to_owned(),
            "score > 42.5".to_owned(),
            r#"city = "city-17""#.to_owned(),
            "balance < 2500".to_owned(),
        ])
    }

    /// So many rules of one to six predicates.
    #[must_use]
    pub fn draw(count: usize, seed: u64) -> Vec<Rule> {
        let rng = &mut Rng::with_seed(seed);
        let predicates = |rng: &mut Rng| -> Vec<String> {
            (0..rng.usize(1..7)).map(|_| rules::attribute_rule(rng)).collect()
        };
        (0..count).map(|_| Rule::of(&predicates(rng))).collect()
    }

    /// The rule in a peer's words.
    #[must_use]
    pub fn write(&self, dialect: &Dialect) -> String {
        let predicates: Vec<String> =
            self.predicates.iter().map(|predicate| predicate.write(dialect)).collect();
        predicates.join(dialect.and)
    }
}

/// `["FR", "BE"]`, with what a peer puts around the texts and between them.
pub(crate) fn list(open: &str, texts: &[String], between: &str, close: &str) -> String {
    let quoted: Vec<String> = texts.iter().map(|text| format!("\"{text}\"")).collect();
    format!("{open}{}{close}", quoted.join(between))
}
