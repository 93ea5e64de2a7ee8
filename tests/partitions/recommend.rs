//! What partitions know together is recommended to a user of any of them.

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Recommended};
use bespoke::model::{Consent, Duration, Instant, Message};
use bespoke::recommend::Query;
use bespoke::storage::MemoryDisk;

fn at(minutes: i64) -> Instant {
    "2026-03-02T08:00:00Z".parse::<Instant>().unwrap() + Duration::minutes(minutes)
}

fn shop() -> Definitions {
    let text = "version = 1\n[consent]\nrecommend = { default = 'granted' }\n[attributes]\nbudget = 'number'\n\
                [catalogue]\nprice = 'number'\n[events.view]\nsku = 'string'\n[events.purchase]\nsku = 'string'\n\
                [recommend]\nk_min = 1\nremember = '90d'\n[recommend.interactions]\n\
                view = { item = 'sku' }\npurchase = { item = 'sku', weight = 5, action = 'bought' }\n";
    Definitions::from_toml(text).unwrap()
}

fn opened(partitions: u16, disk: &MemoryDisk) -> Engine {
    Engine::builder(shop()).partitions(partitions).disk(disk.clone()).open().unwrap()
}

/// Sessions within circles of ten items each, of so many users.
fn visits(engine: &Engine, users: usize) {
    for n in 0..60_i64 {
        engine.ingest(Message::item(format!("sku-{n}")).with("price", n), at(0)).unwrap();
    }
    let mut random = fastrand::Rng::with_seed(8);
    for user in 0..users {
        let circle = random.usize(0..6);
        for click in 0..5 {
            let sku = format!("sku-{}", circle * 10 + random.usize(0..10));
            let event = if click == 4 { "purchase" } else { "view" };
            let message = Message::track(format!("u{user}"), event).with("sku", sku);
            engine.ingest(message, at(user as i64 * 7 + click)).unwrap();
        }
    }
}

fn items(answer: &[Recommended]) -> Vec<&str> {
    answer.iter().map(|shown| &*shown.item).collect()
}

#[test]
fn what_others_did_elsewhere_is_known_everywhere() {
    let engine = opened(8, &MemoryDisk::new());
    for n in 0..4_i64 {
        engine.ingest(Message::item(format!("sku-{n}")).with("price", n), at(0)).unwrap();
    }
    // One user alone goes from the one to the other, in whatever partition that is.
    for (minutes, sku) in ["sku-1", "sku-2"].into_iter().enumerate() {
        engine.ingest(Message::track("first", "view").with("sku", sku), at(minutes as i64)).unwrap();
    }
    for n in 0..20 {
        let user = format!("later-{n}");
        engine.ingest(Message::track(&*user, "purchase").with("sku", "sku-1"), at(10)).unwrap();
        let answer = engine.recommend(&user, &Query::for_user(), at(11)).unwrap();
        assert_eq!((items(&answer)[0], &*answer[0].reason), ("sku-2", "because you bought sku-1"), "{user}");
        let similar = engine.recommend(&user, &Query::similar_to("sku-1"), at(11)).unwrap();
        assert_eq!((items(&similar)[0], &*similar[0].reason), ("sku-2", "similar to sku-1"));
        // What the query and the catalogue forbid is not shown because another partition says so.
        let query = Query::for_user().only("price < item.price + 1 and price < 2");
        assert!(!items(&engine.recommend(&user, &query, at(11)).unwrap()).contains(&"sku-2"));
        let query = Query::for_user().excluding(["sku-2"]);
        assert!(!items(&engine.recommend(&user, &query, at(11)).unwrap()).contains(&"sku-2"));
    }
    let popular = engine.recommend("nobody", &Query::popular().limit(2), at(11)).unwrap();
    assert_eq!(items(&popular), ["sku-1", "sku-2"]);
    let again = engine.recommend("later-3", &Query::again(), at(11)).unwrap();
    assert_eq!(items(&again), ["sku-1"]);
    // Who does not agree is nobody, elsewhere too.
    engine.ingest(Message::consent("later-3", Consent::withdrawn("recommend")), at(12)).unwrap();
    let withdrawn = engine.recommend("later-3", &Query::for_user(), at(12)).unwrap();
    assert!(withdrawn.iter().all(|shown| shown.reason == "popular now"), "{withdrawn:?}");
    engine.ingest(Message::remove_item("sku-2"), at(13)).unwrap();
    assert!(!items(&engine.recommend("later-4", &Query::for_user(), at(13)).unwrap()).contains(&"sku-2"));
}

#[test]
fn several_know_nearly_what_one_knows() {
    let (one, several) = (opened(1, &MemoryDisk::new()), opened(4, &MemoryDisk::new()));
    for engine in [&one, &several] {
        visits(engine, 400);
    }
    let (mut common, mut all) = (0, 0);
    for user in 0..100 {
        let ask =
            |engine: &Engine| engine.recommend(&format!("u{user}"), &Query::for_user().limit(10), at(3_000));
        let (by_one, by_several) = (ask(&one).unwrap(), ask(&several).unwrap());
        all += by_one.len();
        common += items(&by_several).iter().filter(|item| items(&by_one).contains(item)).count();
    }
    assert!(common * 10 >= all * 9, "{common} of {all}");
}

#[test]
fn the_same_again_from_the_store() {
    let disk = MemoryDisk::new();
    let engine = opened(3, &disk);
    visits(&engine, 120);
    let ask = |engine: &Engine| -> Vec<Vec<Recommended>> {
        let queries = [Query::for_user(), Query::complementary_to(["sku-3"]), Query::trending()];
        (0..30)
            .flat_map(|user| queries.iter().map(move |query| (user, query.clone().limit(7))))
            .map(|(user, query)| engine.recommend(&format!("u{user}"), &query, at(900)).unwrap())
            .collect()
    };
    let answers = ask(&engine);
    assert_eq!(ask(&engine), answers);
    drop(engine);
    assert_eq!(ask(&opened(3, &disk)), answers);
}
