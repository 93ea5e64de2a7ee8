use super::*;
use crate::model::Duration;
use crate::recommend::evaluate::{Holdout, Part, Protocol};
use crate::recommend::{
    CoVisitation, Error as Refused, Interaction, Items, Popularity, Reason, Recommendation, Request,
};
use proptest::prelude::*;

/// Recommends the items it learned, newest first, and writes down what happens to it.
#[derive(Debug, Default)]
struct Newest {
    learned: Vec<(u32, ItemId)>,
    asked: parking_lot::Mutex<Vec<(usize, String)>>,
    ticks_left: usize,
}

impl Recommender for Newest {
    fn name(&self) -> &str {
        "newest"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        self.learned.push((interaction.user(), interaction.item()));
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        self.asked.lock().push((self.learned.len(), format!("{:?}", request.basis())));
        let mut items: Vec<ItemId> = Vec::new();
        for (_, item) in self.learned.iter().rev() {
            if !items.contains(item) && request.admits(*item) {
                items.push(*item);
            }
        }
        let reason = || Reason::Other("new".into());
        items.into_iter().take(request.limit()).map(|item| Recommendation::new(item, 1.0, reason())).collect()
    }

    fn forget(&mut self, _user: u32) {}

    fn bytes(&self) -> usize {
        77
    }

    fn tick(&mut self, _now: Instant, _budget: usize) -> bool {
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.ticks_left > 0
    }

    fn checkpoint(&self, _out: &mut Vec<u8>) {}

    fn restore(&mut self, _bytes: &[u8], _items: &Items) -> Result<(), Refused> {
        Ok(())
    }
}

/// Each word is a sequence, each letter an item; a minute apart.
fn dataset(owner: Owner, words: &[&str]) -> Dataset {
    let mut data = Dataset::new(owner);
    let mut now = Instant::from_millis(0);
    for (number, word) in words.iter().enumerate() {
        for letter in word.chars() {
            now = now + Duration::minutes(1);
            data.push(&number.to_string(), &letter.to_string(), Some(now)).unwrap();
        }
    }
    data
}

fn next_item(share: f64) -> Protocol {
    Protocol::NextItem(Holdout::Share(share))
}

/// Worked by hand: training is `ab` and `c`, the test `abc` and then `cca`.
#[test]
fn next_item_frozen_and_learning() {
    let data = dataset(Owner::Session, &["ab", "c", "abc", "cca"]);
    let split = data.split(next_item(0.5), Part::Test).unwrap();
    let mut model = Newest { ticks_left: 9, ..Newest::default() };
    let report = Evaluation::new().k(2).run(&mut model, &data, &split, &mut ()).unwrap();
    assert_eq!((report.bytes, report.results.len()), (77, 2));
    assert_eq!(model.ticks_left, 0, "long work is done after training");

    // Newest first is c b a. After a: c b, and b came (second of two), c later. After b: c a, c came. After c: b a, c came
    // though it may not be shown, and a later. After cc: b a, and a came.
    let frozen = report.results[0];
    assert_eq!(frozen.mode, Mode::Frozen);
    assert_eq!((frozen.scores.predictions, frozen.scores.hit_rate), (4, 0.75));
    assert_eq!(frozen.scores.mrr, (0.5 + 1.0 + 0.0 + 0.5) / 4.0);
    assert_eq!(frozen.scores.precision, (1.0 + 0.5 + 0.5 + 0.5) / 4.0);
    assert_eq!(frozen.scores.recall, (1.0 + 1.0 + 0.5 + 1.0) / 4.0);
    assert_eq!(frozen.scores.coverage, 1.0);

    // Nothing of a session is known while it is predicted, and all of it before the next.
    let asked = model.asked.into_inner();
    let learned: Vec<usize> = asked.iter().map(|(learned, _)| *learned).collect();
    assert_eq!(learned, [3, 3, 3, 3, 3, 3, 6, 6]);
    assert_eq!(asked[1].1, "Session([ItemId(0), ItemId(1)])");
    let only_frozen = Evaluation::new().k(2).learning(false);
    let again = only_frozen.run(&mut Newest::default(), &data, &split, &mut ()).unwrap();
    assert_eq!(again.results, [frozen]);

    let repeats = Evaluation::new().k(2).allow_repeat(true);
    let report = repeats.run(&mut Newest::default(), &data, &split, &mut ()).unwrap();
    // Always c b: b, c, c and not a.
    assert_eq!(report.results[0].scores.mrr, (0.5 + 1.0 + 1.0 + 0.0) / 4.0);
}

#[test]
fn users_get_what_they_had_not() {
    let data = dataset(Owner::User, &["abc", "cab", "aa", "b"]);
    let split = data.split(Protocol::LastOut, Part::Test).unwrap();
    // Newest first is b a c (of users 3, 2, 1 and 0: ab ca a b). 0 had ab: c, which it is. 1 had ca: b, which it is.
    // 2 had the very item that came last, and is not tested.
    for (ask, basis) in [(Ask::User, "User(1)"), (Ask::Session, "Session([ItemId(2), ItemId(0)])")] {
        let mut model = Newest::default();
        let report = Evaluation::new().k(3).ask(ask).run(&mut model, &data, &split, &mut ()).unwrap();
        let scores = report.results[0].scores;
        assert_eq!((scores.predictions, scores.hit_rate, scores.mrr), (2, 1.0, 1.0));
        assert_eq!(scores.precision, 1.0 / 3.0);
        assert_eq!(model.asked.into_inner()[1].1, basis);
    }
    let repeats = Evaluation::new().k(1).allow_repeat(true);
    let report = repeats.run(&mut Newest::default(), &data, &split, &mut ()).unwrap();
    // Always b: only the second user's.
    assert_eq!(report.results[0].scores.hit_rate, 1.0 / 3.0);

    let data = dataset(Owner::User, &["aa", "bb"]);
    let split = data.split(Protocol::LastOut, Part::Test).unwrap();
    let refused = Evaluation::new().run(&mut Newest::default(), &data, &split, &mut ());
    assert!(matches!(refused, Err(Error::NothingToTest(_))));
    for k in [0, 1_001] {
        let refused = Evaluation::new().k(k).run(&mut Newest::default(), &data, &split, &mut ());
        assert!(matches!(refused, Err(Error::Setting { name: "k", .. })));
    }
}

/// A clock that goes a microsecond with every look at it.
#[derive(Default)]
struct Ticking {
    now: u64,
    seen: Vec<(Stage, usize, usize)>,
}

impl Watch for Ticking {
    fn nanoseconds(&mut self) -> u64 {
        self.now += 1_000;
        self.now
    }

    fn progress(&mut self, stage: Stage, done: usize, total: usize) {
        self.seen.push((stage, done, total));
    }
}

#[test]
fn times_are_those_of_the_watch() {
    let words: Vec<&str> = std::iter::repeat_n("abc", 400).collect();
    let data = dataset(Owner::Session, &words);
    let split = data.split(next_item(0.75), Part::Test).unwrap();
    let mut watch = Ticking::default();
    let report = Evaluation::new().run(&mut Newest::default(), &data, &split, &mut watch).unwrap();
    assert_eq!(report.train_seconds, 1e-6);
    let latency = Latency { p50: 1.0, p90: 1.0, p99: 1.0 };
    assert!(report.results.iter().all(|result| result.predict_micros == latency));
    let learn: Vec<f64> = report.results.iter().map(|result| result.learn_micros).collect();
    assert_eq!(learn, [1.0 / 300.0, 1.0 / 3.0]);
    let expected = [
        (Stage::Training, 256, 300),
        (Stage::Training, 300, 300),
        (Stage::Frozen, 256, 300),
        (Stage::Frozen, 300, 300),
        (Stage::Learning, 256, 300),
        (Stage::Learning, 300, 300),
    ];
    assert_eq!(watch.seen, expected);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// The same table bit for bit, whatever the tables in memory look like; every hit is one within the rules.
    #[test]
    fn runs_are_alike(words in prop::collection::vec("[a-h]{1,9}", 2..30), which in 0_usize..3, k in 1_usize..8) {
        let words: Vec<&str> = words.iter().map(String::as_str).collect();
        let owner = if which == 0 { Owner::Session } else { Owner::User };
        let data = dataset(owner, &words);
        let protocol = [next_item(0.3), Protocol::LastOut, Protocol::RandomSplit { share: 0.2, seed: 1 }][which];
        let Ok(split) = data.split(protocol, Part::Test) else { return Ok(()) };
        let twice = |new: &dyn Fn() -> Box<dyn Recommender>| {
            let run = || Evaluation::new().k(k).run(&mut *new(), &data, &split, &mut ());
            (run(), run())
        };
        let popularity = twice(&|| Box::new(Popularity::default()));
        prop_assert_eq!(popularity.0, popularity.1);
        let together = twice(&|| Box::new(CoVisitation::default()));
        if let Ok(report) = &together.0 {
            let scores = report.results[0].scores;
            prop_assert!(scores.mrr <= scores.hit_rate && scores.hit_rate <= 1.0);
            prop_assert!(scores.coverage <= 1.0 && scores.gini < 1.0);
        }
        prop_assert_eq!(together.0, together.1);
    }
}
