//! Where somebody is in a journey and why, what would happen, and how a journey looks.

use crate::steps::SHOP;
use crate::story::{Story, at, read};
use bespoke::engine::{Engine, Error, Partition, simulate};
use bespoke::journey::{Drawing, Reason, What};
use bespoke::model::{Duration, Message};
use bespoke::storage::MemoryDisk;

/// A wait, a branch, and sends that the gate stops in several ways.
fn cart() -> String {
    format!(
        "{SHOP}[consent]
        marketing = {{ default = 'granted' }}
        [channels]
        email = {{ address = 'mail' }}
        [attributes.mail]
        kind = 'string'
        [delivery.quiet]
        push = {{ from = '22:00', to = '08:00' }}
        [[delivery.cap]]
        scope = 'channel:push'
        max = 1
        window = '24h'
        [journeys.cart]
        enter = {{ event = 'add', key = 'cart' }}
        exit = [{{ event = 'buy', key = 'cart' }}]
        step = [
            {{ id = 'idle', wait = '1h' }},
            {{ id = 'gold', branch = [{{ when = \"tier = 'gold'\", to = 'mail' }}] }},
            {{ id = 'push', send = {{ channel = 'push', template = 't', expires = '12h' }} }},
            {{ id = 'later', wait = '2d' }},
            {{ id = 'mail', send = {{ channel = 'email', template = 't' }} }},
        ]"
    )
}

#[track_caller]
fn explain(story: &str, user: &str, now: &str, expected: &str) {
    let mut told = Story::new(&read(&cart()));
    told.tell(story);
    let before = told.partition.checkpoint().unwrap();
    let found = told.partition.explain_journey(user, "cart", at(now)).unwrap().to_string();
    let lines = |text: &str| text.lines().map(|line| line.trim().to_owned()).collect::<Vec<_>>();
    assert_eq!(lines(&found), lines(expected), "{story}");
    assert!(told.partition.checkpoint().unwrap() == before, "a question changes nothing");
}

#[test]
fn where_a_user_is_and_what_comes_next() {
    explain(
        "10:00 ada add cart=c1",
        "ada",
        "10:30",
        "ada is in cart, entered 1 time; may enter
        (c1) on step idle, waits until 2026-11-23T11:00:00Z; entered 2026-11-23T10:00:00Z
          next send: push at 2026-11-23T11:00:00Z; now: sent by push
          2026-11-23T11:00:00Z push: sent by push
          2026-11-23T11:00:00Z later: waits until 2026-11-25T11:00:00Z
          2026-11-25T11:00:00Z mail: not sent: unreachable
          2026-11-25T11:00:00Z: completed",
    );
}

#[test]
fn which_rule_of_the_gate_would_stop_it_now() {
    // At night it would wait; that it will be sent at eleven is said too.
    explain(
        "21:30 ada add cart=c1
        21:40 ada identify tier=gold mail=x
        22:00 advance",
        "ada",
        "22:10",
        "ada is in cart, entered 1 time; may enter
        (c1) on step idle, waits until 2026-11-23T22:30:00Z; entered 2026-11-23T21:30:00Z
          next send: mail at 2026-11-23T22:30:00Z; now: sent by email
          2026-11-23T22:30:00Z gold: branched to mail
          2026-11-23T22:30:00Z mail: sent by email
          2026-11-23T22:30:00Z: completed",
    );
    explain(
        "21:30 ada add cart=c1
        23:00 advance",
        "ada",
        "23:00",
        "ada is in cart, entered 1 time; may enter
        (c1) on step push, deferred until 2026-11-24T08:00:00Z; entered 2026-11-23T21:30:00Z
          next send: push at 2026-11-24T08:00:00Z; now: quiet hours, deferred until 2026-11-24T08:00:00Z (rule 7 of the gate)
          2026-11-24T08:00:00Z push: sent by push
          2026-11-24T08:00:00Z later: waits until 2026-11-26T08:00:00Z
          2026-11-26T08:00:00Z mail: not sent: unreachable
          2026-11-26T08:00:00Z: completed",
    );
    // Of two carts the first takes what the cap leaves.
    let mut story = Story::new(&read(&cart()));
    story.tell(
        "10:00 ada add cart=c1
        11:00 advance
        12:00 ada add cart=c2",
    );
    let why = story.partition.explain_journey("ada", "cart", at("12:30")).unwrap();
    assert_eq!((why.entries, why.instances.len(), why.messages.len()), (2, 2, 1));
    assert_eq!(why.messages[0].step.as_deref(), Some("push"));
    let second = why.instances[1].next_send.as_ref().unwrap();
    assert_eq!((&*second.step, second.at, second.rule), ("push", at("13:00"), Some(9)));
    assert_eq!(second.now, What::Skipped { reason: Reason::Cap });
}

#[test]
fn who_is_not_in_it_and_who_is_not_there() {
    explain("10:00 ada view", "ada", "10:00", "ada is not in cart, entered 0 times; may enter");
    explain(
        "10:00 ada add cart=c1
        10:10 ada buy cart=c1",
        "ada",
        "10:20",
        "ada is not in cart, entered 1 time; may enter",
    );
    let mut story = Story::new(&read(&cart()));
    story.tell("10:00 ada view");
    let ask = |user: &str, journey: &str| {
        story.partition.explain_journey(user, journey, at("10:00")).unwrap_err().to_string()
    };
    assert_eq!(ask("bob", "cart"), "unknown user `bob`");
    assert_eq!(ask("ada", "card"), "unknown journey `card` (did you mean `cart`?)");
    assert_eq!(story.partition.explain_journeys("ada", at("10:00")).unwrap().len(), 1);
}

#[test]
fn what_would_happen_is_what_happens() {
    let definitions = read(&cart());
    let story =
        [("10:00", "add", "c1"), ("12:00", "add", "c2"), ("12:30", "buy", "c1"), ("21:20", "add", "c3")];
    let messages: Vec<Message> = story
        .iter()
        .map(|(clock, event, cart)| Message::track("ada", *event).with("cart", *cart).at(at(clock)))
        .collect();
    let until = at("27T00:00");
    let simulation = simulate(&definitions, &messages, until);
    let steps: Vec<_> = simulation.actions.iter().map(|action| (action.at, &*action.step)).collect();
    assert_eq!(steps, [(at("11:00"), "push")]);
    let reasons: Vec<_> = simulation.held_back().map(|note| (note.at, note.what.reason().unwrap())).collect();
    assert_eq!(
        reasons,
        [
            (at("13:00"), Reason::Cap),
            (at("22:20"), Reason::QuietHours),
            (at("24T08:00"), Reason::Cap),
            (at("25T13:00"), Reason::Unreachable),
            (at("26T08:00"), Reason::Unreachable),
        ]
    );

    // Beside a partition, and beside an engine whose users are on a disk, it goes on with what they know.
    let engine = Engine::builder(definitions.clone()).disk(MemoryDisk::new()).memory(1).open().unwrap();
    let mut partition = Partition::new(&definitions);
    for message in &messages[..2] {
        let now = message.timestamp.unwrap();
        partition.ingest(message, now).unwrap();
        engine.ingest(message, now).unwrap();
    }
    let before = (partition.checkpoint().unwrap(), engine.state().unwrap());
    let rest = partition.simulate(None, &messages[2..], until);
    assert_eq!(engine.simulate(None, &messages[2..], until).unwrap(), rest);
    assert_eq!(rest.counts, simulation.counts);
    assert_eq!(rest.actions.last(), simulation.actions.last());
    assert!((partition.checkpoint().unwrap(), engine.state().unwrap()) == before);

    // Under other definitions the others send by mail, and who has no address stays without.
    let other = read(&cart().replace("'push', template", "'email', template"));
    let under = simulate(&other, &messages, until);
    assert_eq!(under.actions, []);
    assert!(under.held_back().all(|note| note.what.reason() == Some(Reason::Unreachable)));
}

#[test]
fn a_simulation_says_which_messages_are_refused() {
    let ahead = Message::track("ada", "add").at(at("12:00"));
    let unsound = Message::track("", "add").at(at("10:00"));
    let simulation = simulate(&read(&cart()), [&unsound, &ahead], at("13:00"));
    assert_eq!(simulation.rejected.len(), 1);
    let (place, error) = &simulation.rejected[0];
    assert!(*place == 0 && matches!(error, Error::Message(_)), "{error}");
}

#[test]
fn a_journey_draws_itself_with_the_users_on_each_step() {
    let mut story = Story::new(&read(&cart()));
    story.tell(
        "10:00 ada add cart=c1
        10:00 ada add cart=c2
        10:30 bob add cart=c3
        10:30 cy add cart=c4
        11:00 advance",
    );
    assert_eq!(
        story.partition.draw_journey("cart", Drawing::Mermaid).unwrap(),
        r#"flowchart TD
  enter(["add by cart"])
  s0("idle<br/>wait 1h<br/>2 users")
  s1{"gold<br/>branch"}
  s2["push<br/>send push: t"]
  s3("later<br/>wait 2d<br/>1 user")
  s4["mail<br/>send email: t"]
  done(["end"])
  exit(["buy by cart"])
  enter --> s0
  s0 --> s1
  s1 -->|"tier = 'gold'"| s4
  s1 -->|"else"| s2
  s2 --> s3
  s3 --> s4
  s4 --> done
  exit -.->|"exit"| done
"#
    );
    let dot = story.partition.draw_journey("cart", Drawing::Dot).unwrap();
    for line in [
        "digraph \"cart\" {",
        "  s0 [label=\"idle\\nwait 1h\\n2 users\", shape=box, style=rounded];",
        "  s1 -> s4 [label=\"tier = 'gold'\"];",
        "  exit -> done [label=\"exit\", style=dashed];",
    ] {
        assert!(dot.lines().any(|found| found == line), "{line} is not in\n{dot}");
    }
    let error = story.partition.draw_journey("art", Drawing::Dot).unwrap_err();
    assert_eq!(error.to_string(), "unknown journey `art` (did you mean `cart`?)");
}

#[test]
fn users_who_are_not_in_memory_are_counted_and_explained() {
    let engine = Engine::builder(read(&cart())).disk(MemoryDisk::new()).memory(1).open().unwrap();
    for n in 0..50 {
        let add = Message::track(format!("user-{n}"), "add").with("cart", "c");
        engine.ingest(add, at("10:00") + Duration::minutes(n)).unwrap();
    }
    engine.ingest(Message::track("user-0", "buy").with("cart", "c"), at("11:30")).unwrap();
    let users = engine.users_on_steps("cart").unwrap();
    let users: Vec<(&str, u64)> = users.iter().map(|(step, users)| (&**step, *users)).collect();
    assert_eq!(users, [("idle", 19), ("later", 30)]);
    assert!(
        engine.draw_journey("cart", Drawing::Mermaid).unwrap().contains("later<br/>wait 2d<br/>30 users")
    );
    let why = engine.explain_journey("user-3", "cart", at("11:30")).unwrap();
    assert_eq!(&*why.instances[0].step, "later");
}

/// Carts that are left at one instant share what a cap leaves, and each is foreseen as it will go.
#[test]
fn what_comes_next_takes_into_account_what_the_others_will_be_sent() {
    let text = r#"
        [events.add]
        cart = "string"
        [templates.t]
        title = "Hello"
        [[delivery.cap]]
        scope = "channel:push"
        max = 1
        window = "24h"
        [journeys.cart]
        enter = { event = "add", key = "cart" }
        step = [{ id = "idle", wait = "1h" }, { id = "remind", send = { channel = "push", template = "t" } }]
    "#;
    let mut story = Story::new(&read(text));
    story.tell("10:00 ada add cart=c1\n10:00 ada add cart=c2");
    let why = story.partition.explain_journey("ada", "cart", at("10:00")).unwrap();
    let foreseen: Vec<String> = why.instances.iter().map(|of| of.coming[0].what.to_string()).collect();
    assert_eq!(foreseen, ["sent by push", "not sent: cap"]);
    let told = story.tell("11:00 advance");
    assert!(told.contains("step remind (c2): not sent: cap"), "{told}");
    // However many there are.
    for cart in 0..50 {
        story.tell(&format!("12:{cart:02} ada add cart=more{cart}"));
    }
    let why = story.partition.explain_journey("ada", "cart", at("12:50")).unwrap();
    assert_eq!((why.instances.len(), why.instances.iter().all(|of| of.coming.len() == 2)), (50, true));
}
