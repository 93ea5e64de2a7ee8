//! What the shop sells: twenty series of three items, `trail-runner-1` to `trail-runner-3`.

/// One thing on a shelf.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Item {
    pub(crate) series: &'static str,
    pub(crate) number: u32,
    pub(crate) category: &'static str,
    pub(crate) brand: &'static str,
    pub(crate) cents: u32,
    /// The series that people who like this one also look at.
    goes_with: &'static str,
}

/// Series, category, brand, cents of the first item (each later one costs a tenth more), the series it goes with.
/// Within a category the most popular comes first.
const SERIES: [(&str, &str, &str, u32, &str); 20] = [
    ("court-classic", "sneakers", "Oldfield", 8_990, "fleece-hoodie"),
    ("retro-wave", "sneakers", "Oldfield", 10_990, "ankle-sock"),
    ("cloud-step", "sneakers", "Lumo", 12_990, "slim-jean"),
    ("trail-runner", "running", "Northpeak", 11_990, "stride-short"),
    ("road-racer", "running", "Velo", 13_990, "split-short"),
    ("daily-mile", "running", "Velo", 8_990, "run-sock"),
    ("alpine-boot", "boots", "Northpeak", 17_990, "wool-sock"),
    ("chelsea-boot", "boots", "Harrow", 14_990, "leather-balm"),
    ("wool-sock", "socks", "Northpeak", 1_490, "alpine-boot"),
    ("run-sock", "socks", "Velo", 990, "daily-mile"),
    ("ankle-sock", "socks", "Lumo", 790, "retro-wave"),
    ("stride-short", "shorts", "Northpeak", 3_490, "trail-runner"),
    ("split-short", "shorts", "Velo", 3_990, "road-racer"),
    ("storm-shell", "jackets", "Northpeak", 15_990, "alpine-boot"),
    ("denim-jacket", "jackets", "Harrow", 9_990, "slim-jean"),
    ("fleece-hoodie", "hoodies", "Oldfield", 5_990, "court-classic"),
    ("slim-jean", "jeans", "Harrow", 7_990, "denim-jacket"),
    ("city-tote", "bags", "Harrow", 4_990, "chelsea-boot"),
    ("leather-balm", "care", "Harrow", 1_290, "chelsea-boot"),
    ("sneaker-cleaner", "care", "Lumo", 1_190, "court-classic"),
];

/// Every item, in the order of the table.
pub(crate) fn items() -> Vec<Item> {
    let series = SERIES.iter().flat_map(|&(series, category, brand, cents, goes_with)| {
        (1..=3).map(move |number| {
            let cents = cents + (number - 1) * (cents / 100) * 10;
            Item { series, number, category, brand, cents, goes_with }
        })
    });
    series.collect()
}

impl Item {
    pub(crate) fn sku(&self) -> String {
        format!("{}-{}", self.series, self.number)
    }

    pub(crate) fn price(&self) -> f64 {
        f64::from(self.cents) / 100.0
    }

    /// The item of the same number in the series that goes with this one: what makes "similar items" findable.
    pub(crate) fn companion(&self, items: &[Item]) -> Item {
        let found = items.iter().find(|other| other.series == self.goes_with && other.number == self.number);
        *found.expect("every series goes with one of the table")
    }
}
