//! Recommenders beside those that are always there: long-term taste where definitions ask for it, a host's own; what
//! each counts, and what weighs how much.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Error, Recommended};
use bespoke::model::{Duration, Ids, Instant, Message};
use bespoke::recommend::{
    self, Interaction, ItemId, Items, Query, Reason, Recommendation, Recommender, Request,
};
use bespoke::storage::MemoryDisk;
use std::collections::BTreeMap;

fn at(minutes: i64) -> Instant {
    "2026-03-02T08:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(minutes)
}

fn cinema(more: &str) -> Definitions {
    let text = format!(
        "version = 1\n[events.watch]\nfilm = 'string'\nseconds = 'number'\n[events.poster]\nfilms = 'list'\n\
         [events.skip]\nfilm = 'string'\n[recommend]\nk_min = 1\nremember = '90d'\n{more}"
    );
    Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

const WATCH: &str = "interactions = { watch = { item = 'film', action = 'played' } }\n";

fn watch(engine: &Engine, user: &str, film: &str, minutes: i64) {
    engine.ingest(Message::track(user, "watch").with("film", film), at(minutes)).unwrap();
}

fn films(answer: &[Recommended]) -> Vec<&str> {
    answer.iter().map(|shown| &*shown.item).collect()
}

/// Two circles of friends, each of whom watches four of their circle's six films, months apart.
fn two_circles(engine: &Engine) {
    const DAY: i64 = 24 * 60;
    for user in 0..30_usize {
        let circle = ["space", "love"][user % 2];
        for film in 0..4 {
            let film = format!("{circle}-{}", (user / 2 + film * (1 + user / 12)) % 6);
            watch(engine, &format!("u{user}"), &film, user as i64 * DAY);
        }
    }
    watch(engine, "ada", "space-0", 31 * DAY);
    watch(engine, "ada", "space-1", 32 * DAY);
    for hour in 0..200 {
        engine.advance(at(32 * DAY + hour * 60)).unwrap();
    }
}

#[test]
fn taste_is_there_where_definitions_ask_for_it() {
    for table in ["[recommend.ease]\nevery = '1h'\n", "[recommend.als]\nfactors = 8\n"] {
        let engine = Engine::builder(cinema(&format!("{WATCH}{table}weight = 10.0\n"))).open().unwrap();
        two_circles(&engine);
        let query = Query::for_user().limit(3);
        let answer = engine.recommend("ada", &query, at(60 * 24 * 60)).unwrap();
        assert!(films(&answer).iter().all(|film| film.starts_with("space")), "{table}: {answer:?}");
        assert!(answer[0].reason.starts_with("because you played space"), "{table}: {answer:?}");
        // Sessions count 1, and co-visitation a tenth: it is taste that speaks here.
        assert!(answer[0].score >= 10.0, "{table}: {answer:?}");
    }
}

#[test]
fn taste_goes_on_under_another_weight_and_begins_anew_with_other_parameters() {
    let ease = |rest: &str| cinema(&format!("{WATCH}[recommend.ease]\nevery = '1h'\n{rest}"));
    let engine = Engine::builder(ease("weight = 10.0\n")).open().unwrap();
    two_circles(&engine);
    let (query, now) = (Query::similar_to("space-0").limit(3), at(60 * 24 * 60));
    let similar = |engine: &Engine| engine.recommend("new", &query, now).unwrap();
    let score = |answer: &[Recommended]| answer.iter().map(|shown| shown.score).fold(0.0, f64::max);
    let trained = similar(&engine);
    // A share of 10 of its best, beside co-visitation's 1.
    assert!(score(&trained) >= 10.0, "{trained:?}");
    engine.redefine(&ease("weight = 100.0\n"), now).unwrap();
    assert!(score(&similar(&engine)) >= 100.0);
    engine.redefine(&ease("weight = 100.0\nridge = 7.0\n"), now).unwrap();
    assert!(score(&similar(&engine)) <= 1.0);
}

/// Recommends what anybody touched last, and knows by whom.
#[derive(Debug, Default)]
struct JustIn(Vec<(u32, ItemId)>);

impl Recommender for JustIn {
    fn name(&self) -> &str {
        "just-in"
    }

    fn learn(&mut self, interaction: &Interaction<'_>) {
        self.0.retain(|(_, item)| *item != interaction.item());
        self.0.push((interaction.user(), interaction.item()));
    }

    fn recommend(&self, request: &Request<'_>) -> Vec<Recommendation> {
        let newest = self.0.iter().rev().map(|(_, item)| *item).filter(|item| request.admits(*item));
        let shown = newest.map(|item| Recommendation::new(item, 1.0, Reason::Other("just in".into())));
        shown.take(request.limit()).collect()
    }

    fn forget(&mut self, user: u32) {
        self.0.retain(|(by, _)| *by != user);
    }

    fn absorb(&mut self, absorbed: u32, user: u32) {
        self.0.iter_mut().filter(|(by, _)| *by == absorbed).for_each(|(by, _)| *by = user);
    }

    fn bytes(&self) -> usize {
        self.0.capacity() * size_of::<(u32, ItemId)>()
    }

    fn checkpoint(&self, out: &mut Vec<u8>) {
        for (user, item) in &self.0 {
            out.extend(user.to_le_bytes());
            out.extend(item.number().to_le_bytes());
        }
    }

    fn restore(&mut self, bytes: &[u8], items: &Items) -> Result<(), recommend::Error> {
        let refused =
            |found: &str| recommend::Error::Checkpoint { model: "just-in".into(), found: found.into() };
        let (pairs, []) = bytes.as_chunks::<8>() else { return Err(refused("half a pair")) };
        let pair = |pair: &[u8; 8]| {
            let [a, b, c, d, item @ ..] = *pair;
            Some((u32::from_le_bytes([a, b, c, d]), items.at(u32::from_le_bytes(item))?))
        };
        let read: Option<Vec<(u32, ItemId)>> = pairs.iter().map(pair).collect();
        self.0 = read.ok_or_else(|| refused("an item that there is not"))?;
        Ok(())
    }
}

fn with_host(disk: &MemoryDisk, weight: f64) -> Engine {
    Engine::builder(cinema(WATCH)).disk(disk.clone()).recommender(weight, JustIn::default).open().unwrap()
}

#[test]
fn a_recommender_of_the_host_keeps_its_contract() {
    recommend::conformance(JustIn::default).unwrap();
}

#[test]
fn a_recommender_of_the_host_learns_and_answers_beside_the_others() {
    let disk = MemoryDisk::new();
    let engine = with_host(&disk, 5.0);
    let first = |engine: &Engine, user: &str| {
        let answer = engine.recommend(user, &Query::for_user(), at(100)).unwrap();
        (answer[0].item.clone(), answer[0].reason.clone())
    };
    watch(&engine, "ada", "space-1", 0);
    watch(&engine, "bob", "love-1", 1);
    assert_eq!(first(&engine, "cyd"), ("love-1".into(), "just in".into()));

    // What is behind the checkpoint it learns anew, what is before it reads.
    engine.checkpoint().unwrap();
    watch(&engine, "ada", "space-2", 2);
    drop(engine);
    let engine = with_host(&disk, 5.0);
    assert_eq!(first(&engine, "cyd").0, "space-2");
    let all = engine.recommend("cyd", &Query::for_user(), at(100)).unwrap();
    assert_eq!(films(&all)[..3], ["space-2", "love-1", "space-1"]);

    // It forgets who is forgotten, and has one user of two who are found to be one.
    engine.ingest(Message::track(Ids::anonymous("phone"), "watch").with("film", "space-3"), at(3)).unwrap();
    engine.ingest(Message::identify(Ids::both("ada", "phone")), at(4)).unwrap();
    engine.ingest(Message::forget("ada"), at(5)).unwrap();
    let left: Vec<_> = engine.recommend("cyd", &Query::for_user(), at(100)).unwrap();
    assert_eq!(left.iter().filter(|shown| shown.reason == "just in").count(), 1, "{left:?}");

    // Without it what it had learned is dropped, and with it again it begins anew.
    engine.checkpoint().unwrap();
    drop(engine);
    let without = Engine::builder(cinema(WATCH)).disk(disk.clone()).open().unwrap();
    assert_ne!(first(&without, "cyd").1, "just in");
    without.checkpoint().unwrap();
    drop(without);
    assert_ne!(first(&with_host(&disk, 5.0), "cyd").1, "just in");
}

#[test]
fn recommenders_of_the_host_can_be_told_apart() {
    let twice =
        Engine::builder(cinema(WATCH)).recommender(1.0, JustIn::default).recommender(2.0, JustIn::default);
    let error = twice.open().unwrap_err();
    let said = "the recommender `just-in`: another one has this name: what was learned is kept by it";
    assert_eq!(error.to_string(), said);
    for weight in [f64::NAN, 1_001.0] {
        let error = Engine::builder(cinema(WATCH)).recommender(weight, JustIn::default).open().unwrap_err();
        assert!(matches!(error, Error::HostRecommender { .. }), "{error}");
    }
}

/// What is just in is not what anybody wants next: its weight falls, and what follows on a film rises to the top.
#[test]
fn weights_learn_what_predicts() {
    let disk = MemoryDisk::new();
    let open = || {
        let definitions = cinema(&format!("{WATCH}learn_weights = 1\n"));
        Engine::builder(definitions).disk(disk.clone()).recommender(3.0, JustIn::default).open().unwrap()
    };
    let engine = open();
    let first = |engine: &Engine| {
        watch(engine, "zed", "part-1", 20_000);
        let answer = engine.recommend("zed", &Query::for_user().limit(1), at(20_000)).unwrap();
        answer[0].item.clone()
    };
    let mut reasons = BTreeMap::new();
    for user in 0..400 {
        // Everybody watches two parts of one of many films, in turns with others.
        let film = user % 20;
        for (part, minutes) in [(1, user * 10), (2, user * 10 + 35)] {
            watch(&engine, &format!("u{user}"), &format!("film-{film}-part-{part}"), minutes);
        }
        watch(&engine, &format!("w{user}"), "part-1", user * 10);
        watch(&engine, &format!("w{user}"), "part-2", user * 10 + 1);
        watch(&engine, &format!("x{user}"), &format!("news-{user}"), user * 10 + 2);
        if user % 399 == 0 {
            let answer = engine.recommend(
                &format!("w{user}"),
                &Query::session(["part-1"]).limit(1),
                at(user * 10 + 5),
            );
            reasons.insert(user, answer.unwrap()[0].reason.clone());
        }
    }
    assert_eq!(reasons[&0], "just in");
    assert_eq!(reasons[&399], "because you viewed part-1");
    assert_eq!(first(&engine), "part-2");
    engine.checkpoint().unwrap();
    drop(engine);
    assert_eq!(first(&open()), "part-2");
}

#[test]
fn a_glance_weighs_less_than_a_whole_film() {
    let graded = "[recommend.interactions]\n\
                  watch = { item = 'film', grade = { property = 'seconds', from = 60, full = 3600 } }\n";
    let engine = Engine::builder(cinema(graded)).open().unwrap();
    let watched = |user: &str, film: &str, seconds: Option<i64>| {
        let message = Message::track(user, "watch").with("film", film);
        let message = seconds.into_iter().fold(message, |message, seconds| message.with("seconds", seconds));
        engine.ingest(message, at(0)).unwrap();
    };
    for (user, film, seconds) in [
        ("a", "glanced-at", Some(30)),
        ("b", "glanced-at", Some(60)),
        ("c", "begun", Some(600)),
        ("d", "begun", Some(600)),
        ("e", "whole", Some(9_000)),
        ("f", "untold", None),
        ("g", "untold", None),
    ] {
        watched(user, film, seconds);
    }
    let popular = |engine: &Engine| {
        let answer = engine.recommend("zed", &Query::popular(), at(1)).unwrap();
        answer.into_iter().map(|shown| shown.item).collect::<Vec<_>>()
    };
    assert_eq!(popular(&engine), ["untold", "whole", "begun"]);
    // What is taken back is what was given.
    engine.ingest(Message::forget("d"), at(2)).unwrap();
    engine.ingest(Message::forget("e"), at(2)).unwrap();
    assert_eq!(popular(&engine), ["untold", "begun"]);
    engine.ingest(Message::forget("c"), at(2)).unwrap();
    assert_eq!(popular(&engine), ["untold"]);
}

#[test]
fn what_is_shown_again_and_again_gives_way() {
    let rules = "[recommend.interactions]\nwatch = { item = 'film' }\n\
                 skip = { item = 'film', action = 'dismissed', weight = -1 }\n\
                 poster = { item = 'films', action = 'shown' }\n";
    let engine = Engine::builder(cinema(rules)).open().unwrap();
    for user in 0..12 {
        watch(&engine, &format!("u{user}"), ["hit", "hit", "good", "hit", "good", "fine"][user % 6], 0);
    }
    let shown = |films: &[&str], minutes: i64| {
        let films: Vec<&str> = films.to_vec();
        engine.ingest(Message::track("ada", "poster").with("films", films), at(minutes)).unwrap();
    };
    let popular = |query: Query, minutes: i64| {
        let answer = engine.recommend("ada", &query, at(minutes)).unwrap();
        answer.into_iter().map(|shown| shown.item).collect::<Vec<_>>()
    };
    let tired = || Query::popular().fatigue(0.7, Duration::days(2));
    assert_eq!(popular(tired(), 1), ["hit", "good", "fine"]);
    for minutes in 2..5 {
        shown(&["hit", "good"], minutes);
    }
    // .343 of 3 and of 2, beside 1.
    assert_eq!(popular(tired(), 6), ["hit", "fine", "good"]);
    let answer = engine.recommend("ada", &tired(), at(6)).unwrap();
    assert_eq!(answer[0].effects, ["lowered because it was shown 3 times"]);
    // Who does not ask for it, and others, see what they saw.
    assert_eq!(popular(Query::popular(), 6), ["hit", "good", "fine"]);
    // It is forgotten with the window, and with a choice.
    assert_eq!(popular(tired(), 6 + 2 * 24 * 60), ["hit", "good", "fine"]);
    watch(&engine, "ada", "good", 7);
    assert_eq!(popular(tired(), 8), ["good", "hit", "fine"]);
    // To be shown what one has dismissed takes nothing back.
    engine.ingest(Message::track("ada", "skip").with("film", "fine"), at(9)).unwrap();
    shown(&["fine"], 10);
    assert_eq!(popular(Query::popular(), 11), ["hit", "good"]);
}

#[test]
fn what_is_new_is_tried_and_what_is_chosen_stays() {
    let rules = "explore = { window = '30m' }\n[recommend.interactions]\nwatch = { item = 'film' }\n\
                 poster = { item = 'films', action = 'shown' }\n";
    let disk = MemoryDisk::new();
    let open = || Engine::builder(cinema(rules)).disk(disk.clone()).open().unwrap();
    let engine = open();
    // Six films are watched about equally often, and of those that are shown at the second place one is liked.
    for user in 0..60 {
        watch(&engine, &format!("u{user}"), ["a", "b", "c", "d", "e", "f"][user % 6], 0);
    }
    let ask = |engine: &Engine, seed: u64, minutes: i64| {
        let query = Query::popular().limit(3).explore(1).seed(seed);
        let answer = engine.recommend("zed", &query, at(minutes)).unwrap();
        let (item, effects) = (answer[1].item.clone(), answer[1].effects.join(", "));
        let chance = answer[1].probability.unwrap();
        assert!(
            effects.starts_with(&format!("tried at 1 (its chance was {chance:.2}")),
            "{effects}: {chance}"
        );
        assert_eq!((answer[0].probability, chance > 0.0 && chance <= 1.0), (None, true));
        item
    };
    let mut tried = BTreeMap::new();
    for round in 0..600_i64 {
        let (user, minutes) = (format!("v{round}"), 10 + round);
        let film = ask(&engine, round as u64, minutes);
        engine.ingest(Message::track(&*user, "poster").with("films", vec![&*film]), at(minutes)).unwrap();
        if film == "e" && round % 3 == 0 {
            watch(&engine, &user, "e", minutes + 1);
        }
        *tried.entry(film).or_insert(0) += 1;
    }
    assert!(tried.len() >= 5 && tried["e"] > 300, "{tried:?}");
    // The same seed gives the same answer, also from the store.
    let answers: Vec<String> = (0..20).map(|seed| ask(&engine, seed, 700)).collect();
    engine.checkpoint().unwrap();
    drop(engine);
    let engine = open();
    assert_eq!((0..20).map(|seed| ask(&engine, seed, 700)).collect::<Vec<_>>(), answers);
}
