//! Skill and difficulty inside an engine: learned of attempts that are ingested, and asked for by the chance of success.
#![allow(clippy::unwrap_used, clippy::panic)] // a test may stop at what should not be

use bespoke::definitions::Definitions;
use bespoke::engine::{Engine, Error, Recommended, Remains};
use bespoke::model::{Consent, Duration, Ids, Instant, Message};
use bespoke::recommend::{self, Query};
use bespoke::storage::MemoryDisk;

fn at(hours: i64) -> Instant {
    "2026-03-02T08:00:00Z".parse::<Instant>().unwrap() + Duration::hours(hours)
}

const SKILL: &str = "skill = { step = 1.0, difficulty = { attribute = 'level', from = 0, full = 40 } }";

fn gym(skill: &str) -> Definitions {
    let text = format!(
        "version = 1\n[consent]\nrecommend = {{ default = 'granted' }}\n[catalogue]\nlevel = 'number'\nplace = 'string'\n\
         [events.trained]\nworkout = 'string'\nshare = 'number'\n[events.solved]\npuzzles = 'list'\nright = 'bool'\n\
         [events.left]\nworkout = 'string'\n[recommend]\nk_min = 1\nremember = '90d'\n{skill}\n[recommend.interactions]\n\
         trained = {{ item = 'workout', action = 'finished', outcome = 'share' }}\n\
         solved = {{ item = 'puzzles', action = 'finished', outcome = 'right' }}\n\
         left = {{ item = 'workout', weight = 0, outcome = 0 }}\n"
    );
    Definitions::from_toml(&text).unwrap_or_else(|errors| panic!("{errors}"))
}

/// Forty-one workouts from easy to hard.
fn furnished(engine: Engine) -> Engine {
    for level in 0..=40 {
        let place = ["home", "gym"][level % 2];
        let item = Message::item(format!("w{level}")).with("level", level as i64).with("place", place);
        engine.ingest(item, at(0)).unwrap();
    }
    engine
}

fn opened(disk: &MemoryDisk) -> Engine {
    furnished(Engine::builder(gym(SKILL)).disk(disk.clone()).open().unwrap())
}

fn train(engine: &Engine, user: &str, workout: &str, share: f64, hours: i64) {
    let message = Message::track(user, "trained").with("workout", workout).with("share", share);
    engine.ingest(message, at(hours)).unwrap();
}

fn ask(engine: &Engine, user: &str, chance: f64, hours: i64) -> Vec<Recommended> {
    engine.recommend(user, &Query::for_user().at_chance(chance).limit(5), at(hours)).unwrap()
}

fn level(shown: &Recommended) -> f64 {
    shown.item[1..].parse().unwrap()
}

/// How far somebody comes with a workout of a level, with nothing left to luck.
fn share(able: f64, level: f64) -> f64 {
    1.0 / (1.0 + libm::exp(level / 10.0 - 2.0 - able))
}

#[test]
fn users_are_asked_for_what_they_can_do() {
    let engine = opened(&MemoryDisk::new());
    let users = [("weak", -1.0), ("usual", 0.0), ("strong", 1.5)];
    let mut last = Vec::new();
    for day in 0..40 {
        last.clear();
        for (user, able) in users {
            let best = &ask(&engine, user, 0.7, 24 * day)[0];
            let done = share(able, level(best));
            train(&engine, user, &best.item, done, 24 * day);
            last.push((level(best), done));
        }
    }
    assert!(last.windows(2).all(|two| two[0].0 < two[1].0), "the able do what is harder: {last:?}");
    assert!(last.iter().all(|(_, done)| (0.6..0.8).contains(done)), "{last:?}");
    // Another target is another workout, and all of it is said.
    let (easy, even) = (ask(&engine, "usual", 0.9, 1_000), ask(&engine, "usual", 0.5, 1_000));
    assert!(level(&easy[0]) < level(&even[0]), "{easy:?} {even:?}");
    assert!(
        easy[0].effects[0].starts_with("you succeed with it 8 times in 10"),
        "as near as a step goes: {easy:?}"
    );
    assert!(even[0].effects[0].starts_with("you succeed with it 5 times in 10"), "{even:?}");
    // What the query leaves out stays out, and stages come behind.
    let query = Query::for_user().at_chance(0.7).limit(5).only("place = 'gym'").slot(0, "level > 38");
    let answer = engine.recommend("usual", &query, at(1_000)).unwrap();
    assert!(answer.iter().all(|shown| level(shown) % 2.0 == 1.0) && answer.len() == 5, "{answer:?}");
    assert_eq!(answer[0].item, "w39");
    // Of whom nothing is known, and who does not agree to be known, is as most.
    engine.ingest(Message::consent("strong", Consent::withdrawn("recommend")), at(1_001)).unwrap();
    let nobody = ask(&engine, "nobody", 0.7, 1_002);
    let withdrawn = ask(&engine, "strong", 0.7, 1_002);
    assert_eq!(
        nobody.iter().map(|shown| &shown.item).collect::<Vec<_>>(),
        withdrawn.iter().map(|shown| &shown.item).collect::<Vec<_>>()
    );
    let before = engine.difficulty("w20").unwrap();
    train(&engine, "strong", "w20", 1.0, 1_003);
    assert_eq!(engine.difficulty("w20").unwrap(), before, "who does not agree teaches nothing");
}

#[test]
fn difficulty_goes_a_step_at_a_time() {
    let at_once = "skill = { step = 100.0, difficulty = { attribute = 'level', from = 0, full = 40 } }";
    let [step, jump] = [SKILL, at_once].map(|skill| {
        let engine = furnished(Engine::builder(gym(skill)).open().unwrap());
        (0..20).for_each(|hour| train(&engine, "ada", "w10", 1.0, hour));
        ask(&engine, "ada", 0.5, 24)
    });
    // Somebody who can do anything is asked for more, but for no more than a step above the last session, where w10 was
    // about -1.3.
    assert!(step.iter().all(|shown| level(shown) <= 17.0), "{step:?}");
    assert!(jump.iter().all(|shown| level(shown) > 20.0), "{jump:?}");
}

#[test]
fn outcomes_are_shares_truths_and_what_an_event_says_itself() {
    let engine = opened(&MemoryDisk::new());
    let skill = |user: &str| engine.skill(user, at(1)).unwrap().unwrap().mean;
    let solved = |user: &str, right: bool| {
        Message::track(user, "solved").with("puzzles", vec!["w20", "w21"]).with("right", right)
    };
    for (user, message, sign) in [
        ("a", Message::track("a", "trained").with("workout", "w20").with("share", 0.9), 1.0),
        ("b", Message::track("b", "trained").with("workout", "w20").with("share", 7.0), 1.0),
        ("c", Message::track("c", "trained").with("workout", "w20").with("share", 0.1), -1.0),
        ("d", Message::track("d", "trained").with("workout", "w20"), 0.0),
        ("e", Message::track("e", "left").with("workout", "w20"), -1.0),
        ("f", solved("f", true), 1.0),
        ("g", solved("g", false), -1.0),
    ] {
        engine.ingest(message, at(0)).unwrap();
        let found = skill(user);
        assert!(if sign == 0.0 { found == 0.0 } else { found * sign > 0.1 }, "{user}: {found}");
    }
    assert_eq!(engine.difficulty("unheard-of"), None);
}

#[test]
fn it_is_there_again_and_nothing_but_time_depends_on_memory() {
    let disk = MemoryDisk::new();
    let engine = opened(&disk);
    // So little room that most users are away.
    let small = Engine::builder(gym(SKILL)).disk(MemoryDisk::new()).memory(40_000).open().unwrap();
    let small = furnished(small);
    for round in 0..600_i64 {
        let (user, workout) = (format!("u{}", round * 7 % 60), format!("w{}", round * 11 % 41));
        let done = (round % 5) as f64 / 4.0;
        for engine in [&engine, &small] {
            train(engine, &user, &workout, done, round);
        }
        if round == 300 {
            engine.checkpoint().unwrap();
            small.checkpoint().unwrap();
        }
    }
    let asked = |engine: &Engine| -> Vec<Vec<Recommended>> {
        (0..60).map(|user| ask(engine, &format!("u{user}"), 0.8, 700)).collect()
    };
    let (state, answers) = (engine.state().unwrap(), asked(&engine));
    assert_eq!(asked(&small), answers);
    drop(engine);
    let engine = Engine::builder(gym(SKILL)).disk(disk.clone()).open().unwrap();
    assert_eq!((engine.state().unwrap(), asked(&engine)), (state, answers.clone()));
    // Other parameters change what is asked for, and nothing that was learned.
    let skill = engine.skill("u7", at(700)).unwrap();
    drop(engine);
    let other = SKILL.replace("step = 1.0", "step = 0.1, repeat = 1.0");
    let engine = Engine::builder(gym(&other)).disk(disk).open().unwrap();
    assert_eq!(engine.skill("u7", at(700)).unwrap(), skill);
    assert_ne!(asked(&engine), answers);
}

#[test]
fn what_the_catalogue_says_counts_until_it_says_something_else() {
    let engine = opened(&MemoryDisk::new());
    let of = |item: &str| engine.difficulty(item).unwrap();
    assert_eq!((of("w0").mean, of("w20").mean, of("w40").mean), (-2.0, 0.0, 2.0));
    (0..30).for_each(|user| train(&engine, &format!("u{user}"), "w20", 0.1, user));
    let learned = of("w20");
    assert!(learned.mean > 0.5);
    let describe = |level: i64, place: &str| {
        engine.ingest(Message::item("w20").with("level", level).with("place", place), at(40)).unwrap();
    };
    describe(20, "yard");
    assert_eq!(of("w20"), learned, "it says the same");
    describe(10, "yard");
    assert_eq!(of("w20").mean, -1.0);
    // Where an attribute is named later, it holds for what nobody has tried.
    let engine = furnished(Engine::builder(gym("")).open().unwrap());
    train(&engine, "ada", "w30", 1.0, 1);
    let tried = engine.difficulty("w30").unwrap();
    assert_eq!(engine.difficulty("w40").unwrap().mean, 0.0);
    engine.redefine(&gym(SKILL), at(2)).unwrap();
    assert_eq!((engine.difficulty("w40").unwrap().mean, engine.difficulty("w30").unwrap()), (2.0, tried));
}

#[test]
fn two_profiles_that_are_one_and_who_is_forgotten() {
    let engine = opened(&MemoryDisk::new());
    let phone = |workout: &str, hours: i64| {
        let ids = Ids::anonymous("phone");
        let message = Message::track(ids, "trained").with("workout", workout).with("share", 1.0);
        engine.ingest(message, at(hours)).unwrap();
    };
    phone("w30", 0);
    phone("w32", 1);
    train(&engine, "ada", "w28", 1.0, 2);
    let skill = |engine: &Engine| engine.skill("ada", at(4)).unwrap().unwrap();
    let alone = skill(&engine);
    let both = Message::identify(Ids::both("ada", "phone"));
    engine.ingest(both, at(3)).unwrap();
    assert!(skill(&engine).mean > alone.mean && skill(&engine).variance < alone.variance);
    assert_eq!(engine.export("ada").unwrap().skill, engine.skill("ada", at(3)).unwrap());
    let outcome = engine.ingest(Message::forget("ada"), at(5)).unwrap();
    let remains = Remains::Model { model: "skills".into(), before: None };
    assert!(outcome.receipt.unwrap().remains.contains(&remains));
    assert_eq!(skill(&engine).mean, 0.0);
}

#[test]
fn a_skill_goes_with_its_user_to_another_partition() {
    let engine = Engine::builder(gym(SKILL)).partitions(4).open().unwrap();
    let engine = furnished(engine);
    for device in 0..8 {
        let ids = Ids::anonymous(format!("phone-{device}"));
        let message = Message::track(ids, "trained").with("workout", "w35").with("share", 1.0);
        engine.ingest(message, at(0)).unwrap();
        train(&engine, &format!("u{device}"), "w35", 1.0, 1);
        let ids = Ids::both(format!("u{device}"), format!("phone-{device}"));
        engine.ingest(Message::identify(ids), at(2)).unwrap();
        let skill = engine.skill(&format!("u{device}"), at(2)).unwrap().unwrap();
        assert!(skill.mean > 0.9, "{device}: {skill:?}");
        // It knows what was done last, whatever number that has there.
        let answer = ask(&engine, &format!("u{device}"), 0.3, 3);
        assert_ne!(answer[0].item, "w35");
    }
}

#[test]
fn what_cannot_be_asked_is_said() {
    let engine = opened(&MemoryDisk::new());
    for chance in [0.0, 1.0, f64::NAN, f64::INFINITY] {
        let refused = engine.recommend("ada", &Query::for_user().at_chance(chance), at(0)).unwrap_err();
        assert!(refused.to_string().contains("a chance from 0.05 to 0.95"), "{refused}");
    }
    let plain =
        "version = 1\n[events.view]\nsku = 'string'\n[recommend.interactions]\nview = { item = 'sku' }";
    let engine = Engine::builder(Definitions::from_toml(plain).unwrap()).open().unwrap();
    let refused = engine.recommend("ada", &Query::popular().at_chance(0.8), at(0)).unwrap_err();
    assert!(matches!(refused, Error::Recommend(recommend::Error::NoAttempts)), "{refused:?}");
    assert_eq!((engine.skill("ada", at(0)).unwrap(), engine.difficulty("boot")), (None, None));
}
