//! Journeys that a change of an item begins: price drops, items that are back, and whom they are for.

use crate::story::{Story, check, errors, read};
use bespoke::engine::{Engine, Partition};
use bespoke::model::{Duration, Message};
use bespoke::storage::MemoryDisk;

const SHOP: &str = "
    [attributes]
    budget = 'number'
    watched = 'list'
    [catalogue]
    title = 'string'
    price = 'number'
    stock = 'number'
    available = 'bool'
    [events.view]
    sku = 'string'
    [events.add_to_cart]
    sku = 'string'
    [events.purchase]
    sku = 'string'
    [segments]
    in_cart = { by = 'sku', when = 'did(add_to_cart) and not did(purchase)' }
    watcher = 'watched is present'
    [templates.t]
    title = 'x'
    ";

fn with(journey: &str) -> String {
    format!("{SHOP}{journey}")
}

#[test]
fn a_price_that_drops_is_told_to_whoever_saw_the_item_and_did_not_buy_it() {
    check(
        &with(
            "[journeys.cheaper]
            enter = { item = 'price_drop', key = 'sku', where = 'price <= 0.9 * old.price', reentry = { after = '2h' } }
            audience = 'did(view in 30d) and not did(purchase)'
            exit = [{ event = 'purchase', key = 'sku' }]
            step = [{ id = 'w', wait = '10m' }, { id = 'push', send = { channel = 'push', template = 't' } }]",
        ),
        "09:00 item boot price=100
        09:00 item sock price=10
        09:01 ada view sku=boot
        09:01 bob view sku=boot
        09:01 cy view sku=sock
        09:02 dee view sku=boot
        09:03 dee purchase sku=boot
        10:00 item boot price=95
        10:01 item boot price=80
        10:05 bob purchase sku=boot
        10:20 advance
        10:30 item boot price=60
        13:00 item boot price=70
        13:01 item boot price=50
        13:30 advance",
        "10:01 ada cheaper (boot): entered
        10:01 ada cheaper, step w (boot): waits until 10:11
        10:01 bob cheaper (boot): entered
        10:01 bob cheaper, step w (boot): waits until 10:11
        10:05 bob cheaper (boot): exited: event
        10:11 ada cheaper, step push (boot): sent by push
        10:11 ada cheaper (boot): completed
        10:30 ada cheaper (boot): not entered: too soon
        13:01 ada cheaper (boot): entered
        13:01 ada cheaper, step w (boot): waits until 13:11
        13:11 ada cheaper, step push (boot): sent by push
        13:11 ada cheaper (boot): completed",
    );
}

#[test]
fn an_item_that_is_back_is_told_to_whoever_watches_it() {
    let mut definitions = with(
        "[journeys.back]
        enter = { item = 'back_in_stock' }
        audience = 'segment(\"watcher\")'
        step = [{ id = 'push', send = { channel = 'push', template = 't' } }]",
    );
    definitions = definitions.replace(
        "enter = { item = 'back_in_stock' }",
        "enter = { item = 'back_in_stock', where = 'user.watched contains item.id' }",
    );
    let mut story = Story::new(&read(&definitions));
    let now = "2026-11-23T08:00:00Z".parse().unwrap();
    for (user, watched) in [("ada", vec!["boot", "hat"]), ("bob", vec!["hat"])] {
        story.partition.ingest(&Message::identify(user).with("watched", watched), now).unwrap();
    }
    story.partition.ingest(&Message::track("cy", "view").with("sku", "boot"), now).unwrap();
    let told = story.tell(
        "09:00 item boot stock=0
        09:10 item boot stock=0 price=5
        10:00 item boot stock=3
        10:01 item boot stock=4
        10:02 item boot available=false
        10:03 item boot stock=0
        10:04 item boot available=true
        10:05 item boot stock=1
        10:06 unlist boot
        10:07 item boot stock=0
        10:08 item hat stock=1",
    );
    let expected = "10:00 ada back (boot): entered
        10:00 ada back, step push (boot): sent by push
        10:00 ada back (boot): completed
        10:05 ada back (boot): entered
        10:05 ada back, step push (boot): sent by push
        10:05 ada back (boot): completed";
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&told), lines(expected));
}

#[test]
fn audiences_of_keyed_segments_and_of_users() {
    check(
        &with(
            "[journeys.cart]
            enter = { item = 'price_drop', key = 'sku' }
            audience = 'segment(\"in_cart\")'
            step = [{ id = 'push', send = { channel = 'push', template = 't' } }]
            [journeys.fits]
            enter = { item = 'change', where = 'item.price <= user.budget and old.price > user.budget' }
            step = [{ id = 'w', wait = '1d' }]
            [journeys.any]
            enter = { item = 'change', where = 'title != old.title' }
            audience = 'budget > 50'
            step = [{ id = 'w', wait = '1d' }]",
        ),
        "09:00 item boot price=100 title=Boot
        09:00 item hat price=100 title=Hat
        09:01 ada add_to_cart sku=boot
        09:02 bob add_to_cart sku=hat
        09:03 bob identify budget=60
        10:00 item boot price=70
        10:01 item boot price=60
        10:02 item hat price=100
        10:03 item hat title=Cap",
        "10:00 ada cart (boot): entered
        10:00 ada cart, step push (boot): sent by push
        10:00 ada cart (boot): completed
        10:01 ada cart (boot): entered
        10:01 ada cart, step push (boot): sent by push
        10:01 ada cart (boot): completed
        10:01 bob fits (boot): entered
        10:01 bob fits, step w (boot): waits until 24T10:01
        10:03 bob any (hat): entered
        10:03 bob any, step w (hat): waits until 24T10:03",
    );
}

#[test]
fn a_change_that_comes_late_enters_late() {
    check(
        &with(
            "[journeys.cheaper]
            enter = { item = 'price_drop', key = 'sku' }
            audience = 'did(view)'
            late = { tolerance = '30m' }
            step = [{ id = 'w', wait = '40m' }, { id = 'push', send = { channel = 'push', template = 't' } }]",
        ),
        "09:00 item boot price=100
        09:01 ada view sku=boot
        10:00 item boot price=90 @09:40
        11:00 item boot price=80 @10:00
        12:00 advance",
        "10:00 ada cheaper (boot): entered
        10:00 ada cheaper, step w (boot): waits until 10:20
        10:20 ada cheaper, step push (boot): sent by push
        10:20 ada cheaper (boot): completed
        11:00 ada cheaper (boot): not entered: late",
    );
}

#[test]
fn ids_that_are_numbers_key_by_numbers() {
    let definitions = with(
        "[journeys.cheaper]
        enter = { item = 'price_drop', key = 'sku' }
        audience = 'did(view) and key = 7'
        exit = [{ event = 'purchase', key = 'sku' }]
        step = [{ id = 'w', wait = '1h' }]",
    )
    .replace("sku = 'string'", "sku = 'number'");
    check(
        &definitions,
        "09:00 item 7 price=100
        09:00 item 07 price=100
        09:01 ada view sku=7
        10:00 item 7 price=90
        10:00 item 07 price=90
        10:10 ada purchase sku=7",
        "10:00 ada cheaper (7): entered
        10:00 ada cheaper, step w (7): waits until 11:00
        10:10 ada cheaper (7): exited: event",
    );
}

#[test]
fn templates_know_the_item_and_what_changed() {
    let definitions = with(
        "[templates.cheaper]
        title = '{{ item.title }} ({{ item.id }}): {{ event.new.price }} instead of {{ event.old.price }}, now {{ item.price }}'
        [templates.left]
        title = 'Still want {{ item.title }}?'
        [journeys.cheaper]
        enter = { item = 'price_drop', key = 'sku' }
        audience = 'did(view)'
        step = [{ id = 'w', wait = '1h' }, { id = 'push', send = { channel = 'push', template = 'cheaper' } }]
        [journeys.cart]
        enter = { event = 'add_to_cart', key = 'sku' }
        step = [{ id = 'left', send = { channel = 'push', template = 'left' } }]",
    );
    let mut partition = Partition::new(&read(&definitions));
    let now = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut give = |message: Message, now| partition.ingest(&message, now).map(drop).unwrap();
    give(Message::item("boot").with("title", "Boots").with("price", 100), now);
    give(Message::track("ada", "view").with("sku", "boot"), now);
    give(Message::item("boot").with("price", 80), now);
    give(Message::track("bob", "add_to_cart").with("sku", "boot"), now);
    give(Message::item("boot").with("price", 85), now);
    let later = now + Duration::hours(1);
    partition.advance(later);
    let actions = partition.outbox(10, Duration::minutes(1), later);
    let mut titles: Vec<String> =
        actions.iter().map(|action| action.content.get("title").unwrap().as_str().unwrap().into()).collect();
    titles.sort();
    assert_eq!(titles, ["Boots (boot): 80 instead of 100, now 85", "Still want Boots?"]);
}

#[test]
fn triggers_that_are_wrong_say_so() {
    let step = "step = [{ id = 'w', wait = '1h' }]";
    let found = errors(&format!("[journeys.j]\nenter = {{ item = 'price_drop' }}\n{step}")).join("\n");
    assert!(found.contains("`price = \"number\"` under [catalogue]"), "{found}");
    for (enter, words) in [
        ("{ item = 'price_drp' }", "did you mean `price_drop`?"),
        ("{ item = 'change', where = 'prize < 3' }", "did you mean `price`?"),
        ("{ item = 'change', where = 'old.prize < 3' }", "did you mean `price`?"),
        ("{ item = 'change', where = 'budget < 3' }", "`user.budget` here"),
        ("{ item = 'change', key = 'skuu' }", "unknown property `skuu` (did you mean `sku`?)"),
        ("{ item = 'change', where = 'price' }", "a condition is wanted"),
    ] {
        let found = errors(&with(&format!("[journeys.j]\nenter = {enter}\n{step}"))).join("\n");
        assert!(found.contains(words), "{enter}: {found}");
    }
    let audience = "[journeys.j]\nenter = { item = 'change' }\naudience = 'did(view where sku = key)'\n";
    assert!(errors(&with(&format!("{audience}{step}")))[0].contains("unknown property `key`"));
}

/// Whoever is in the store only is brought for it, and what follows is the same.
#[test]
fn whoever_is_away_is_told_too_and_a_restart_changes_nothing() {
    let text = with(
        "[journeys.cheaper]
        enter = { item = 'price_drop', key = 'sku', reentry = { after = '1m' } }
        audience = 'did(view)'
        step = [{ id = 'w', wait = '5m' }, { id = 'push', send = { channel = 'push', template = 't' } }]",
    );
    let (disk, definitions) = (MemoryDisk::new(), read(&text));
    let open = || Engine::builder(definitions.clone()).disk(disk.clone()).memory(0).open().unwrap();
    let mut engine = open();
    let twin = Engine::builder(definitions.clone()).open().unwrap();
    let mut rng = fastrand::Rng::with_seed(5);
    let mut now = "2026-11-23T10:00:00Z".parse().unwrap();
    let mut entered = 0;
    for round in 0..200 {
        now = now + Duration::seconds(rng.i64(0..60));
        let item = format!("item-{}", rng.u32(0..4));
        let message = match rng.bool() {
            true => Message::item(item).with("price", rng.i64(1..100)),
            false => Message::track(format!("user-{}", rng.u32(0..30)), "view").with("sku", item),
        };
        let outcome = engine.ingest(&message, now).unwrap();
        assert_eq!(outcome, twin.ingest(&message, now).unwrap(), "round {round}");
        entered += outcome.notes.iter().filter(|note| note.to_string().ends_with("entered")).count();
        if round % 50 == 20 {
            engine.checkpoint().unwrap();
        }
        if round % 40 == 30 {
            drop(engine);
            engine = open();
        }
    }
    assert_eq!(engine.state().unwrap(), twin.state().unwrap());
    assert!(entered > 100, "{entered}");
}
