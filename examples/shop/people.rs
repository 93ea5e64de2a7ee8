//! Who shops, where they live, what they come for and when: the numbers that make the shop what it is.

/// A way of shopping. Probabilities are per visit, per view, or per filled cart.
pub(crate) struct Persona {
    pub(crate) name: &'static str,
    pub(crate) share: f64,
    pub(crate) visits_per_week: f64,
    pub(crate) views_max: i64,
    pub(crate) carts: f64,
    pub(crate) buys: f64,
    /// Already had an account on the first day.
    pub(crate) member: f64,
    pub(crate) signs_up: f64,
    pub(crate) uses_app: f64,
    /// First and last day, as shares of the time; the first is a limit, dice choose below it.
    pub(crate) arrives: f64,
    pub(crate) leaves: f64,
}

#[rustfmt::skip]
pub(crate) const PERSONAS: [Persona; 6] = [
    Persona { name: "loyal", share: 12.0, visits_per_week: 0.9, views_max: 5, carts: 0.22, buys: 0.60, member: 1.0, signs_up: 0.0, uses_app: 0.6, arrives: 0.0, leaves: 1.0 },
    Persona { name: "regular", share: 23.0, visits_per_week: 0.42, views_max: 5, carts: 0.18, buys: 0.45, member: 0.7, signs_up: 0.3, uses_app: 0.4, arrives: 0.0, leaves: 1.0 },
    Persona { name: "browser", share: 25.0, visits_per_week: 0.3, views_max: 4, carts: 0.05, buys: 0.20, member: 0.1, signs_up: 0.1, uses_app: 0.2, arrives: 0.2, leaves: 1.0 },
    Persona { name: "hunter", share: 15.0, visits_per_week: 0.45, views_max: 5, carts: 0.32, buys: 0.15, member: 0.5, signs_up: 0.3, uses_app: 0.3, arrives: 0.0, leaves: 1.0 },
    Persona { name: "lapsed", share: 12.0, visits_per_week: 0.8, views_max: 4, carts: 0.20, buys: 0.40, member: 1.0, signs_up: 0.0, uses_app: 0.3, arrives: 0.0, leaves: 0.3 },
    Persona { name: "newcomer", share: 13.0, visits_per_week: 0.45, views_max: 5, carts: 0.16, buys: 0.35, member: 0.0, signs_up: 0.4, uses_app: 0.2, arrives: 0.7, leaves: 1.0 },
];

/// Share, country, zone, latitude and longitude of a town there.
pub(crate) type Place = (f64, &'static str, &'static str, f64, f64);

/// Six of the zones change their clocks.
pub(crate) const PLACES: [Place; 8] = [
    (26.0, "FR", "Europe/Paris", 48.8566, 2.3522),
    (18.0, "GB", "Europe/London", 51.5072, -0.1276),
    (16.0, "DE", "Europe/Berlin", 52.52, 13.405),
    (16.0, "US", "America/New_York", 40.7128, -74.006),
    (9.0, "US", "America/Los_Angeles", 34.0522, -118.2437),
    (6.0, "BR", "America/Sao_Paulo", -23.5505, -46.6333),
    (5.0, "JP", "Asia/Tokyo", 35.6762, 139.6503),
    (4.0, "AU", "Australia/Sydney", -33.8688, 151.2093),
];

/// What people come for, by its share.
pub(crate) const INTERESTS: [(f64, &str); 6] = [
    (30.0, "sneakers"),
    (27.0, "running"),
    (18.0, "boots"),
    (10.0, "jackets"),
    (8.0, "hoodies"),
    (7.0, "jeans"),
];

/// Visits by local hour, in everyone's own zone: lunch, and above all the evening.
pub(crate) const BY_HOUR: [f64; 24] = [
    1.0, 0.5, 0.2, 0.1, 0.1, 0.3, 1.0, 3.0, 4.0, 4.0, 4.0, 5.0, 7.0, 6.0, 4.0, 4.0, 4.0, 6.0, 8.0, 10.0,
    12.0, 11.0, 7.0, 3.0,
];
/// From Monday.
pub(crate) const BY_WEEKDAY: [f64; 7] = [0.9, 0.8, 0.9, 0.9, 1.0, 1.2, 1.4];

pub(crate) const FIRST_NAMES: [&str; 16] = [
    "Ada", "Amir", "Bea", "Chloé", "Dev", "Elif", "Femi", "Grace", "Hana", "Ivo", "Jonas", "Kofi", "Lea",
    "Mateo", "Nora", "Tomás",
];
