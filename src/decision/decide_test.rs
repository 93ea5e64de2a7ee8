use crate::decision::fixture::{Shop, placement, problems, variant};
use crate::decision::{Decision, Reason};
use crate::model::{Ids, Message, Object};

fn hero() -> Shop {
    let mut greeting = variant("greeting", "vip", 10, 1.0);
    greeting.content = [
        ("title".into(), "Hello {{ user.first_name | default('you') }}".into()),
        ("body".into(), "{{ user.first_name + 1 }}".into()),
        ("link".into(), "/{{ request.path }}".into()),
    ]
    .into();
    let mut shop = Shop::new(
        &[
            placement(
                "home-hero",
                vec![
                    variant("summer", "", 0, 1.0),
                    greeting,
                    variant("come-back", "country = \"FR\"", 5, 1.0),
                    variant("off", "", 7, 0.0),
                    variant("on", "country = \"XX\"", 7, 1.0),
                    variant("sale", "", 0, 3.0),
                ],
            ),
            placement("empty-for-most", vec![variant("vip", "vip", 0, 1.0)]),
        ],
        &[],
    );
    shop.take(&Message::identify("vip").with("vip", true).with("first_name", "Ada"));
    shop.take(&Message::identify("french").with("country", "FR"));
    shop.take(&Message::identify("other").with("country", "DE"));
    shop
}

fn decide(shop: &Shop, user: &str, placement: &str) -> Decision {
    let mut request = Object::new();
    request.set("path", "shoes");
    shop.decide(user, placement, &request).unwrap()
}

#[test]
fn the_highest_priority_wins_and_every_variant_has_a_reason() {
    let shop = hero();
    for (user, placement, expected) in [
        (
            "vip",
            "home-hero",
            "home-hero: greeting
  ✗ `summer`: priority 0 is below 10
  ✓ `greeting`: the only one eligible
  ✗ `come-back`: priority 5 is below 10
  ✗ `off`: priority 7 is below 10
  ✗ `on`: priority 7 is below 10
  ✗ `sale`: priority 0 is below 10
  ✗ `greeting`: field `body` is left out: tried to use + operator on unsupported types string and number",
        ),
        (
            "french",
            "home-hero",
            "home-hero: come-back
  ✗ `summer`: priority 0 is below 5
  ✗ `greeting`: `vip` does not hold
  ✓ `come-back`: the only one eligible
  ✗ `off`: switched off, its weight is 0
  ✗ `on`: `country = \"XX\"` does not hold
  ✗ `sale`: priority 0 is below 5",
        ),
        (
            "other",
            "home-hero",
            "home-hero: summer
  ✓ `summer`: drawn, as for 25 % of users
  ✗ `greeting`: `vip` does not hold
  ✗ `come-back`: `country = \"FR\"` does not hold
  ✗ `off`: switched off, its weight is 0
  ✗ `on`: `country = \"XX\"` does not hold
  ✗ `sale`: not drawn, 75 % of users are",
        ),
        (
            "nobody",
            "home-hero",
            "home-hero: sale
  ✗ `summer`: not drawn, 25 % of users are
  ✗ `greeting`: nothing is known of the user, and it asks for `vip`
  ✗ `come-back`: nothing is known of the user, and it asks for `country = \"FR\"`
  ✗ `off`: switched off, its weight is 0
  ✗ `on`: nothing is known of the user, and it asks for `country = \"XX\"`
  ✓ `sale`: drawn, as for 75 % of users",
        ),
        (
            "other",
            "empty-for-most",
            "empty-for-most: nothing
  ✗ `vip`: `vip` does not hold
  ✗ no variant is eligible",
        ),
    ] {
        let decision = decide(&shop, user, placement);
        assert_eq!(format!("{decision:#}"), expected);
        let explained = decision.explanation().to_string();
        assert_eq!(
            explained.lines().skip(1).collect::<Vec<_>>(),
            expected.lines().skip(1).collect::<Vec<_>>()
        );
        assert_eq!(explained.starts_with('✓'), decision.variant.is_some());
    }
}

#[test]
fn content_is_rendered_and_a_field_that_fails_is_left_out() {
    let shop = hero();
    let decision = decide(&shop, "vip", "home-hero");
    assert_eq!(serde_json::to_string(&decision.content).unwrap(), r#"{"link":"/shoes","title":"Hello Ada"}"#);
    assert!(
        matches!(decision.reasons.last(), Some(Reason::TemplateFailed { field, .. }) if &**field == "body")
    );
    assert!(decide(&shop, "other", "empty-for-most").content.is_empty());
}

#[test]
fn a_decision_is_data() {
    let decision = decide(&hero(), "other", "empty-for-most");
    assert_eq!(
        serde_json::to_string(&decision).unwrap(),
        format!(
            r#"{{"id":"{}","placement":"empty-for-most","variant":null,"content":{{}},"reasons":[{{"not_eligible":{{"variant":"vip","when":"vip"}}}},"no_variant"],"at":1795428000000}}"#,
            decision.id
        )
    );
}

#[test]
fn the_id_follows_from_placement_user_variant_and_instant() {
    let mut shop = hero();
    let first = decide(&shop, "french", "home-hero");
    assert_eq!(first, decide(&shop, "french", "home-hero"));
    assert_eq!(
        first.id.to_string(),
        "5030e7f6bb9230489e70b419656dbe37",
        "ids are kept by hosts and may not change"
    );
    assert_ne!(first.id, decide(&shop, "other", "home-hero").id);
    assert_ne!(first.id, decide(&shop, "french", "empty-for-most").id);
    shop.now = shop.now + crate::model::Duration::from_millis(1);
    assert_ne!(first.id, decide(&shop, "french", "home-hero").id);
}

#[test]
fn a_visitor_keeps_the_variant_when_becoming_known() {
    let mut shop = hero();
    for n in 0..50 {
        let (device, user) = (format!("device-{n}"), format!("user-{n}"));
        let unknown = decide(&shop, &device, "home-hero").variant;
        shop.take(&Message::track(Ids::anonymous(&*device), "view"));
        assert_eq!(decide(&shop, &device, "home-hero").variant, unknown);
        shop.take(&Message::identify(Ids::both(&*user, &*device)).with("country", "DE"));
        assert_eq!(decide(&shop, &user, "home-hero").variant, unknown);
    }
}

#[test]
fn unknown_placements_are_refused_with_advice() {
    let error = hero().decide("vip", "home-heros", &Object::new()).unwrap_err();
    assert_eq!(error.to_string(), "unknown placement `home-heros` (did you mean `home-hero`?)");
}

#[test]
fn bad_placements_are_refused_with_every_problem() {
    let v = variant;
    for (variants, expected) in [
        (vec![], vec!["placements.p: the placement has no variants, so nothing would ever be shown"]),
        (
            vec![v("a", "", 0, 1.0), v("b", "", 0, 1.0), v("a", "", 1, 1.0)],
            vec!["placements.p.variant.2.name: the variant `a` is defined twice"],
        ),
        (
            vec![v("a", "", 0, -1.0), v("b", "", 0, f64::NAN), v("c", "", 0, f64::INFINITY)],
            vec![
                "placements.p.variant.0.weight: the weight is -1, but must be between 0 and 1000000000",
                "placements.p.variant.1.weight: the weight is NaN, but must be between 0 and 1000000000",
                "placements.p.variant.2.weight: the weight is inf, but must be between 0 and 1000000000",
            ],
        ),
        (
            vec![v("a", "", 0, 1.0), v("b", "", 3, 0.0), v("c", "", 3, 0.0)],
            vec![
                "placements.p.variant.1.weight: all variants of priority 3 have weight 0, so none is ever shown (leave `weight` out for 1)",
            ],
        ),
        (vec![v("a", "", 0, 0.0), v("b", "", 0, 1.0)], vec![]),
    ] {
        assert_eq!(problems(&[placement("p", variants)], &[]), expected);
    }
    let p = placement("p", vec![v("a", "", 0, 1.0)]);
    assert_eq!(problems(&[p.clone(), p], &[]), ["placements.p: the placement `p` is defined twice"]);
}

#[test]
fn conditions_are_named_by_their_place() {
    use crate::decision::DecisionPlan;
    use crate::segment::{Plan, Schema};
    let mut builder = Plan::builder(Schema::strict());
    let p = placement("p", vec![variant("a", "", 0, 1.0), variant("b", "did(nothing)", 0, 1.0)]);
    let (_, problems) = DecisionPlan::compile(&[p], &[], &mut builder);
    assert_eq!(problems, []);
    let errors = builder.build().unwrap_err();
    assert_eq!(errors[0].name(), Some("placements.p.variant.1.when"));
}

/// What a decision costs beside the same rules written by hand. Prints, and asserts nothing:
/// `cargo test --release --lib decision::decide -- --ignored --nocapture`.
#[test]
#[ignore = "measures"]
fn cost() {
    use std::hint::black_box;
    use std::time::Instant;
    let conditions = ["plan = \"gold\"", "country = \"FR\"", "visits >= 10", "age < 30 and vip", ""];
    let (mut ranked, mut split, mut filled) = (Vec::new(), Vec::new(), Vec::new());
    for (i, when) in conditions.iter().enumerate() {
        ranked.push(variant(&format!("v{i}"), when, 5 - i as i64, 1.0));
        split.push(variant(&format!("v{i}"), "", 0, 1.0));
        let mut greeting = variant(&format!("v{i}"), when, 5 - i as i64, 1.0);
        greeting.content = [("title".into(), "Hello {{ user.first_name }}".into())].into();
        filled.push(greeting);
    }
    let placements = [placement("ranked", ranked), placement("split", split), placement("filled", filled)];
    let mut shop = Shop::new(&placements, &[]);
    for n in 0..1_000_i64 {
        let user = Message::identify(format!("u{n}"))
            .with("plan", if n % 10 == 0 { "gold" } else { "free" })
            .with("country", if n % 5 == 0 { "FR" } else { "DE" })
            .with("visits", n % 12)
            .with("age", 20 + n % 40)
            .with("vip", n % 7 == 0)
            .with("first_name", "Ada");
        let user = (0..14).fold(user, |user, i| user.with(format!("other{i}"), i));
        shop.take(&user);
    }
    let ids: Vec<String> = (0..1_000).map(|n| format!("u{n}")).collect();
    let request = Object::new();
    for name in ["ranked", "split", "filled"] {
        let started = Instant::now();
        for _ in 0..200 {
            ids.iter().for_each(|id| drop(black_box(shop.decide(id, name, &request))));
        }
        println!("{name}: {} ns", started.elapsed().as_nanos() / 200_000);
    }
    let started = Instant::now();
    for _ in 0..200 {
        ids.iter().for_each(|id| drop(black_box(by_hand(&shop, id))));
    }
    println!("by hand, on the same profiles: {} ns", started.elapsed().as_nanos() / 200_000);
}

/// The rules of `ranked` as a chain of conditions, with the content that is shown.
fn by_hand(shop: &Shop, id: &str) -> Option<(&'static str, Object)> {
    use crate::model::Value;
    let (store, profile) = (&shop.store, shop.store.get(shop.store.find(id)?));
    let get = |name| {
        store.symbols.get(name).map_or(Value::Null, |name| store.symbols.value(profile.attributes.get(name)))
    };
    let name = if get("plan").as_str() == Some("gold") {
        "v0"
    } else if get("country").as_str() == Some("FR") {
        "v1"
    } else if get("visits").as_f64() >= Some(10.0) {
        "v2"
    } else if get("age").as_f64().is_some_and(|age| age < 30.0) && get("vip") == Value::Bool(true) {
        "v3"
    } else {
        "v4"
    };
    let mut content = Object::new();
    content.set("title", name);
    Some((name, content))
}
