use super::*;
use crate::definitions::InteractionDefinition;
use crate::journey::{CapPeriod, CapScope, Class, Reentry, StepAction, Trigger};
use crate::model::{Duration, Zone};
use crate::profile::DeviceRule;
use crate::recommend::{Action, CoVisitation, Popularity};
use crate::segment::Kind;

#[test]
fn a_whole_file_is_read() {
    let definitions = Definitions::from_toml_named("shop.toml", SHOP).unwrap();
    assert_eq!((definitions.file(), definitions.text()), (Some("shop.toml"), SHOP));

    let settings = &definitions.settings;
    assert_eq!(settings.zone, Zone::named("Europe/Paris").unwrap());
    assert_eq!((settings.session_gap, settings.allowed_skew), (Duration::minutes(45), Duration::ZERO));
    assert_eq!((settings.dedup_window, settings.parts_max), (Duration::days(3), 64));
    let identity = &settings.identity;
    assert_eq!((identity.device, identity.undo_window), (DeviceRule::Separate, Duration::days(7)));
    let kinds = identity.kinds.iter().map(|kind| (&*kind.name, kind.is_strong, kind.limit));
    assert!(kinds.eq([("email_hash", true, 5), ("card", false, 200)]));

    let schema = &definitions.schema;
    assert_eq!(schema.attribute_kind("budget.shoes"), Some(Kind::Number));
    assert_eq!(schema.attribute_kind("address.city"), Some(Kind::String));
    let purchase = &schema.events["purchase"];
    assert_eq!(purchase.properties["amount"], Kind::Number);
    assert_eq!(purchase.lists["products"]["sku"], Kind::String);
    let affinity = &schema.affinities["category"];
    assert_eq!(
        (affinity.half_life, affinity.weights.as_ref().unwrap()["purchase"]),
        (Duration::days(14), 5.5)
    );

    assert_eq!(definitions.segments[2].by.as_deref(), Some("cart_id"));
    assert_eq!(definitions.templates.len(), 2);
    assert_eq!(definitions.plan_builder().parts_max, 64);
}

#[test]
fn journeys_and_delivery_are_read() {
    let definitions = Definitions::from_toml(SHOP).unwrap();
    let delivery = &definitions.delivery;
    assert_eq!(delivery.quiet.keys().map(|name| &**name).collect::<Vec<_>>(), ["email", "push"]);
    let [global, push] = &delivery.caps[..] else { panic!("two caps") };
    assert_eq!((&global.scope, global.max, global.per), (&CapScope::Global, 3, CapPeriod::Day));
    assert_eq!(global.counts, [Class::Marketing]);
    assert_eq!(
        (&push.scope, push.per),
        (&CapScope::Channel("push".into()), CapPeriod::Window(Duration::hours(24)))
    );
    assert_eq!(push.counts, [Class::Marketing, Class::Service]);

    let [cart, back] = &definitions.journeys[..] else { panic!("two journeys") };
    assert_eq!((&*cart.name, cart.priority, cart.enter.reentry), ("cart", 60, Reentry::Restart));
    assert_eq!(cart.audience.as_deref(), Some("country in [\"FR\", \"DE\"]"));
    assert_eq!(
        cart.exit,
        [
            Trigger::Event { event: "purchase".into(), condition: "".into(), key: Some("cart_id".into()) },
            Trigger::SegmentLeft("zeta".into())
        ]
    );
    let steps: Vec<&str> = cart.steps.iter().map(|step| &*step.id).collect();
    assert_eq!(steps, ["idle", "which", "push", "jump", "mail"]);
    assert_eq!(cart.steps[0].action, StepAction::Wait(Duration::hours(1)));
    assert!(matches!(&cart.steps[1].action, StepAction::Branch(arms) if &*arms[1].to == "end"));
    assert_eq!(cart.steps[3].action, StepAction::Goto("end".into()));
    assert_eq!(back.enter.reentry, Reentry::After(Duration::days(7)));
    assert_eq!(back.enter.trigger, Trigger::SegmentEntered("lapsed".into()));
}

#[test]
fn placements_and_recommenders_are_read() {
    let definitions = Definitions::from_toml(SHOP).unwrap();
    let [hero] = &definitions.placements[..] else { panic!("one placement") };
    assert_eq!((&*hero.name, &*hero.salt), ("hero", "hero-2026"));
    let [sneakers, plain] = &hero.variants[..] else { panic!("two variants") };
    assert_eq!((sneakers.priority, sneakers.weight, sneakers.content.len()), (10, 1.0, 2));
    assert_eq!((plain.when.as_deref(), plain.weight), (None, 0.5));

    let recommend = &definitions.recommend;
    let view = InteractionDefinition {
        event: "view".into(),
        list: None,
        item: "sku".into(),
        weight: 1.0,
        grade: None,
        action: Action::Viewed,
        outcome: None,
    };
    let purchase = InteractionDefinition {
        event: "purchase".into(),
        list: Some("products".into()),
        item: "sku".into(),
        weight: 5.0,
        grade: None,
        action: Action::Bought,
        outcome: None,
    };
    assert_eq!(recommend.interactions, [view, purchase]);
    assert_eq!(recommend.popularity, Popularity::params().half_life(Duration::days(3)));
    assert_eq!(recommend.popularity_contexts, ["place".into()]);
    let covisitation =
        CoVisitation::params().half_life(Duration::days(14)).session_gap(Duration::minutes(20));
    assert_eq!(recommend.covisitation, covisitation.neighbours(50).k_min(10).skip_bought(true));
}

#[test]
fn order_is_that_of_the_text() {
    let definitions = Definitions::from_toml(SHOP).unwrap();
    let names: Vec<&str> = definitions.segment_names().collect();
    assert_eq!(names, ["zeta", "lapsed", "cart_left", "alpha", "von, und zu"]);
    let plan = definitions.plan_builder().build().unwrap();
    assert_eq!(plan.segment_names().collect::<Vec<_>>(), names);
    assert_eq!(definitions.journey_names().collect::<Vec<_>>(), ["cart", "back"]);
    assert_eq!(definitions.placement_names().collect::<Vec<_>>(), ["hero"]);

    let tables =
        "version = 1\n[segments.b]\nwhen = 'true'\n[segments.a]\nwhen = 'true'\n[segments]\nc = 'true'";
    let definitions = Definitions::from_toml(tables).unwrap();
    assert_eq!(definitions.segment_names().collect::<Vec<_>>(), ["b", "a", "c"]);
}

#[test]
fn defaults() {
    let definitions = Definitions::from_toml("version = 1").unwrap();
    assert_eq!(definitions.settings, crate::definitions::Settings::default());
    assert!(definitions.recommend.interactions.is_empty() && definitions.journeys.is_empty());
    // Items' sessions are the users' ones unless said otherwise.
    let text = "version = 1\nsettings = { session_gap = '1h' }";
    let covisitation = Definitions::from_toml(text).unwrap().recommend.covisitation;
    assert_eq!(covisitation, CoVisitation::params().session_gap(Duration::hours(1)).k_min(10));
}

#[test]
fn lenient_names_need_no_declaration() {
    let text = "version = 1
        settings.schema = 'lenient'
        segments.bought = 'did(purchase where amount > 3)'
        affinity.colour.weights = { look = 1 }
        recommend.interactions.look = { item = 'sku' }
        journeys.a.enter = { event = 'look', key = 'sku' }
        journeys.a.step = [{ id = 'x', wait = '1d' }]";
    assert!(Definitions::from_toml(text).is_ok());
}
