//! What comes next is ordered by what is chosen of what is shown, where definitions ask for it.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Recommended, Remains};
use bespoke::model::{Consent, Duration, Ids, Instant, Message};
use bespoke::recommend::Query;
use bespoke::storage::MemoryDisk;

fn at(minutes: i64) -> Instant {
    "2026-03-02T08:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(minutes)
}

fn shop(more: &str) -> Definitions {
    let text = format!(
        "version = 1\n[consent]\nrecommend = {{ default = 'granted' }}\n[attributes]\nlikes = 'string'\n\
         [catalogue]\nprice = 'number'\nbrand = 'string'\n\
         [events.view]\nsku = 'string'\n[events.teaser]\nskus = 'list'\n\
         [recommend]\nk_min = 1\nremember = '90d'\ncold = {{ kappa = 0.0 }}\n{more}\n[recommend.interactions]\n\
         view = {{ item = 'sku' }}\nteaser = {{ item = 'skus', action = 'shown' }}\n"
    );
    Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

const LEARNED: &str = "rerank = { features = ['price < 50', 'brand = user.likes'] }";

/// Twelve things, of which those with an odd number are cheap, and every third is of `acme`. All are about as popular.
fn opened(more: &str, disk: &MemoryDisk) -> Engine {
    let engine = Engine::builder(shop(more)).disk(disk.clone()).open().unwrap();
    for n in 0..12 {
        let price = if n % 2 == 1 { 20 } else { 90 };
        let brand = if n % 3 == 0 { "acme" } else { "other" };
        let item = Message::item(format!("thing-{n}")).with("price", price).with("brand", brand);
        engine.ingest(item, at(0)).unwrap();
    }
    for user in 0..60 {
        view(&engine, &format!("early-{user}"), &format!("thing-{}", user % 12), 1);
        view(&engine, &format!("early-{user}"), &format!("thing-{}", (user * 5 + 1) % 12), 2);
    }
    engine
}

fn view(engine: &Engine, user: &str, sku: &str, minutes: i64) {
    engine.ingest(Message::track(user, "view").with("sku", sku), at(minutes)).unwrap();
}

fn things(answer: &[Recommended]) -> Vec<String> {
    answer.iter().map(|shown| shown.item.clone()).collect()
}

/// Users are shown what the engine says, and choose what is cheap, wherever it stands.
fn teach(engine: &Engine, who: &str, visits: i64, from: i64) {
    for visit in 0..visits {
        let (user, minutes) = (format!("{who}-{visit}"), from + 10 * visit);
        view(engine, &user, &format!("thing-{}", visit % 12), minutes);
        let query = Query::for_user().limit(4).explore(1).explore(3).seed(visit as u64);
        let shown = things(&engine.recommend(&user, &query, at(minutes + 1)).unwrap());
        engine.ingest(Message::track(&*user, "teaser").with("skus", shown.clone()), at(minutes + 1)).unwrap();
        let cheap = |thing: &&String| thing[6..].parse::<u32>().unwrap() % 2 == 1;
        if let Some(chosen) = shown.iter().find(cheap).filter(|_| visit % 3 > 0) {
            view(engine, &user, chosen, minutes + 2);
        }
    }
    engine.advance(at(from + 10 * visits + 100)).unwrap();
}

/// How many of the four things at the front are cheap.
fn cheap_in_front(answer: &[Recommended]) -> usize {
    answer.iter().take(4).filter(|shown| shown.item[6..].parse::<u32>().unwrap() % 2 == 1).count()
}

#[test]
fn what_is_chosen_comes_to_the_front_and_says_so() {
    let (learned, plain) = (opened(LEARNED, &MemoryDisk::new()), opened("", &MemoryDisk::new()));
    let ask = |engine: &Engine, minutes: i64| {
        view(engine, "ada", "thing-2", minutes);
        engine.recommend("ada", &Query::for_user().limit(10), at(minutes)).unwrap()
    };
    // Before anything was shown the order is that of what fits.
    assert_eq!(things(&ask(&learned, 5)), things(&ask(&plain, 5)));
    teach(&learned, "u", 300, 10);
    teach(&plain, "u", 300, 10);
    let answer = ask(&learned, 5_000);
    assert_eq!(cheap_in_front(&answer), 4, "{answer:?}");
    let moved =
        answer.iter().flat_map(|shown| &shown.effects).filter(|effect| effect.starts_with("moved from"));
    assert!(
        moved.clone().any(|effect| effect.ends_with("by what is chosen, most of all price < 50")),
        "{answer:?}"
    );
    // A score is the chance to be chosen, and boosts are on top of it.
    assert!(answer.iter().all(|shown| (0.0..1.0).contains(&shown.score)));
    let query = Query::for_user().limit(4).boost("price > 50", 1_000.0);
    assert_eq!(cheap_in_front(&learned.recommend("ada", &query, at(5_000)).unwrap()), 0);
    // What is like something, and what is popular, stays as it is; and so does an engine that was not asked for it.
    let popular = learned.recommend("ada", &Query::popular(), at(5_000)).unwrap();
    assert!(popular.iter().all(|shown| shown.effects.is_empty()));
    assert!(ask(&plain, 5_000).iter().all(|shown| shown.effects.is_empty()));
}

#[test]
fn it_learns_what_is_chosen_by_whom() {
    let engine = opened(LEARNED, &MemoryDisk::new());
    let users = ["acme", "other"];
    for visit in 0..400_i64 {
        let (user, likes) = (format!("u{visit}"), users[visit as usize % 2]);
        engine.ingest(Message::identify(&*user).with("likes", likes), at(10 + visit * 5)).unwrap();
        let shown: Vec<String> = (0..4).map(|n| format!("thing-{}", (visit + n * 4 + n / 3) % 12)).collect();
        let of_acme = |thing: &&String| thing[6..].parse::<u32>().unwrap() % 3 == 0;
        let chosen = shown.iter().find(|thing| of_acme(thing) == (likes == "acme"));
        engine
            .ingest(Message::track(&*user, "teaser").with("skus", shown.clone()), at(10 + visit * 5))
            .unwrap();
        if let Some(chosen) = chosen {
            view(&engine, &user, chosen, 11 + visit * 5);
        }
    }
    for (user, likes) in [("ada", "acme"), ("bob", "other")] {
        engine.ingest(Message::identify(user).with("likes", likes), at(3_000)).unwrap();
        let query = Query::for_user().limit(3);
        let answer = engine.recommend(user, &query, at(3_000)).unwrap();
        let is_acme = |shown: &Recommended| shown.item[6..].parse::<u32>().unwrap() % 3 == 0;
        assert!(answer.iter().all(|shown| is_acme(shown) == (likes == "acme")), "{user}: {answer:?}");
    }
}

#[test]
fn several_places_are_tried_each_with_its_chance() {
    let engine = opened(LEARNED, &MemoryDisk::new());
    teach(&engine, "u", 30, 10);
    let ask = |seed: u64| {
        let query = Query::for_user().limit(4).explore(0).explore(2).seed(seed);
        engine.recommend("ada", &query, at(2_000)).unwrap()
    };
    let lists: Vec<Vec<Recommended>> = (0..200).map(ask).collect();
    for (seed, list) in lists.iter().enumerate() {
        for place in [0, 2] {
            let tried = format!("tried at {place} (its chance was ");
            assert!(list[place].effects.iter().any(|effect| effect.starts_with(&tried)), "{seed}: {list:?}");
        }
        assert_eq!(*list, ask(seed as u64));
    }
    let firsts = |place: usize| {
        let mut shown: Vec<&str> = lists.iter().map(|list| &*list[place].item).collect();
        shown.sort_unstable();
        shown.dedup();
        shown.len()
    };
    assert!(firsts(0) > 1 && firsts(2) > 1, "{} {}", firsts(0), firsts(2));
}

#[test]
fn it_is_there_again_after_a_checkpoint_and_after_a_crash() {
    let disk = MemoryDisk::new();
    let engine = opened(LEARNED, &disk);
    teach(&engine, "u", 60, 10);
    engine.checkpoint().unwrap();
    // What is shown now can be chosen yet, and is only in the journal.
    engine
        .ingest(Message::track("zed", "teaser").with("skus", vec!["thing-4", "thing-6"]), at(2_000))
        .unwrap();
    let ask = |engine: &Engine| engine.recommend("ada", &Query::for_user().limit(12), at(3_000)).unwrap();
    let (state, answer) = (engine.state().unwrap(), ask(&engine));
    drop(engine);
    let engine = Engine::builder(shop(LEARNED)).disk(disk.clone()).open().unwrap();
    assert_eq!((engine.state().unwrap(), ask(&engine)), (state, answer));
    view(&engine, "zed", "thing-6", 2_005);
    let taught = ask(&engine);
    // Under other features counts go on, and under the same what was learned of them too.
    drop(engine);
    let engine = Engine::builder(shop(LEARNED)).disk(disk.clone()).open().unwrap();
    assert_eq!(ask(&engine), taught);
    drop(engine);
    let other = "rerank = { features = ['price < 70'] }";
    let engine = Engine::builder(shop(other)).disk(disk).open().unwrap();
    teach(&engine, "w", 100, 4_000);
    assert_eq!(cheap_in_front(&ask(&engine)), 4);
}

#[test]
fn who_does_not_agree_teaches_nothing_and_who_is_forgotten_says_what_stays() {
    let engine = opened(LEARNED, &MemoryDisk::new());
    teach(&engine, "u", 20, 10);
    let ask = |engine: &Engine| engine.recommend("ada", &Query::for_user().limit(12), at(3_000)).unwrap();
    let before = ask(&engine);
    engine.ingest(Message::consent("cyd", Consent::withdrawn("recommend")), at(1_000)).unwrap();
    for minutes in 1_001..1_040 {
        engine.ingest(Message::track("cyd", "teaser").with("skus", vec!["thing-0"]), at(minutes)).unwrap();
        view(&engine, "cyd", "thing-0", minutes);
    }
    assert_eq!(ask(&engine), before);
    // Who was shown something and is forgotten is as if nothing had been shown; counts stay, and the receipt says so.
    engine.ingest(Message::track("dan", "teaser").with("skus", vec!["thing-0"]), at(1_050)).unwrap();
    let outcome = engine.ingest(Message::forget(Ids::user("dan")), at(1_060)).unwrap();
    let remains = Remains::Model { model: "explorer".into(), before: None };
    assert!(outcome.receipt.unwrap().remains.contains(&remains));
    engine.advance(at(2_900)).unwrap();
    assert_eq!(ask(&engine), before);
}
