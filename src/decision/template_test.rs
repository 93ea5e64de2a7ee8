use crate::decision::fixture::{Shop, placement, problems, template, variant};
use crate::decision::{Error, OUTPUT_BYTES_MAX, RenderContext, TEMPLATE_BYTES_MAX};
use crate::model::{Geo, Message, Object, Value};
use proptest::prelude::*;

fn object(fields: &[(&str, Value)]) -> Object {
    let mut object = Object::new();
    fields.iter().for_each(|(name, value)| object.set(*name, value.clone()));
    object
}

fn shop(text: &str) -> Shop {
    let mut shop = Shop::new(&[], &[template("t", &[("text", text)])]);
    let address = object(&[("city", "Paris".into()), ("lat", 48.85.into()), ("lon", 2.35.into())]);
    let ada = Message::identify("ada")
        .with("first_name", "Ada")
        .with("visits", 3)
        .with("spent", 12.5)
        .with("vip", true)
        .with("tags", vec!["run", "bike"])
        .with("budget.food", 40)
        .with("address", address)
        .with("address.city.part", "Marais")
        .with("html", "<b>")
        .with("timezone", "Europe/Paris")
        .with("gone", Value::Null);
    shop.take(&ada);
    shop
}

fn render(text: &str) -> Result<String, Error> {
    let key = Value::from("order-7");
    let event = object(&[
        ("sku", "boot-7".into()),
        ("price", 80.into()),
        ("at", "2026-11-23T10:00:00Z".parse::<crate::model::Instant>().unwrap().into()),
        ("shop.name", "West".into()),
        ("place", Geo { lat: 1.5, lon: 2.5 }.into()),
        ("nothing", Value::Null),
        ("user", "not Ada".into()),
    ]);
    let lines = vec![object(&[("sku", "a".into())]), object(&[("sku", "b".into())])];
    let request = object(&[("device", object(&[("os", "ios".into())]).into()), ("lines", lines.into())]);
    let item = object(&[("title", "Boots".into()), ("size.width", 30.into())]);
    let cx = RenderContext {
        user: None,
        zone: None,
        key: Some(&key),
        event: Some(&event),
        request: Some(&request),
        item: Some(&item),
    };
    shop(text).render("t", cx)
}

#[test]
fn what_templates_give() {
    for (text, expected) in [
        ("no template at all\n", "no template at all\n"),
        ("50 % } off {", "50 % } off {"),
        ("Hello {{ user.first_name }}!\n", "Hello Ada!\n"),
        ("{{ user.first_name[:1] }}. {{ event.sku[-1:] }} {{ event.at[:10] }}", "A. 7 2026-11-23"),
        ("{# nobody sees this #}x", "x"),
        // As the clock of the user shows it.
        (
            "{{ event.at | local('%H:%M') }}, {{ event.at | local('%A, %-d %B') }}",
            "11:00, Monday, 23 November",
        ),
        ("{{ '2026-07-04T23:30:00Z' | local('%d.%m. %H:%M') }}", "05.07. 01:30"),
        ("[{{ event.nothing | local('%H:%M') }}]", "[]"),
        ("{{ user.visits }} {{ user.spent }} {{ user.vip }}", "3 12.5 True"),
        ("{{ user.visits + 1 }}", "4"),
        ("{{ user.tags | join(', ') }} {{ user.tags[0] }}", "run, bike run"),
        ("{{ user.budget.food }}", "40"),
        ("{{ user['budget']['food'] }}", "40"),
        ("{{ user.address.lat }} {{ user.address.lon }}", "48.85 2.35"),
        ("{{ user.address.city.part }}", "Marais"),
        ("{% for name in user.address %}{{ name }} {% endfor %}", "city lat lon "),
        // What is missing is empty, however deep.
        ("[{{ user.gone }}{{ user.last_name }}{{ user.a.b.c }}{{ event.nothing }}]", "[]"),
        ("{{ user.last_name | default('friend') }}", "friend"),
        ("{{ event.nothing | default('-') }}", "-"),
        ("{% if user.vip and not user.a.b %}yes{% endif %}", "yes"),
        ("{{ user.last_name | upper }}", ""),
        // The other names.
        ("{{ key }} {{ event.sku | upper }} {{ event.price }}", "order-7 BOOT-7 80"),
        ("{{ event.at }} {{ event.shop.name }} {{ event.place.lat }}", "2026-11-23T10:00:00Z West 1.5"),
        ("{{ request.device.os }}", "ios"),
        ("{{ item.title }} of {{ item.size.width }} cm{{ item.price }}", "Boots of 30 cm"),
        ("{% for line in request.lines %}{{ line.sku }};{% endfor %}", "a;b;"),
        // Values are put in as they are.
        ("{{ user.html }} {{ user.html | escape }}", "<b> &lt;b&gt;"),
        ("{{ '{{ user.first_name }}' }}", "{{ user.first_name }}"),
        // Statements that hide from the engine's own analysis what they read.
        ("{% set user = user.address %}{{ user.city.part }}", "Marais"),
        ("{% with user = user.budget %}{{ user.food }}{% endwith %}", "40"),
        ("{% filter replace('a', user.first_name) %}a{% endfilter %}", "Ada"),
        ("{% for user in request.lines %}{{ user.sku }}{% endfor %}{{ user.vip }}", "abTrue"),
        ("{% set user = event %}{{ user.user }}", "not Ada"),
        ("{{ user | attr('first_name') }}", "Ada"),
        ("{{ user.first_name.x }}|{{ user.first_name }}", "|Ada"),
    ] {
        assert_eq!(render(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn a_failure_names_field_and_cause() {
    for (text, message) in [
        ("{{ user.first_name + 1 }}", "tried to use + operator on unsupported types string and number"),
        (
            "one\n{{ user.tags + 1 }}",
            "line 2: tried to use + operator on unsupported types sequence and number",
        ),
        ("{% for i in range(user.visits * 20000) %}{{ i }}{% endfor %}", "it takes more than 20000 steps"),
        ("{{ event.sku | local('%H') }}", "`local` takes an instant, not `boot-7`"),
        ("{{ 'x' * (user.visits * 30000) }}", "it gives 90000 bytes, at most 65536 are allowed"),
        ("{{ 'x' * (user.visits * 30000000) }}", "it takes more than 20000 steps"),
    ] {
        let failed = Err(Error::TemplateFailed {
            template: "t".into(),
            field: "text".into(),
            message: message.into(),
        });
        assert_eq!(render(text), failed, "{text}");
    }
    let error = shop("x").render("tt", RenderContext::default()).unwrap_err();
    assert_eq!(error.to_string(), "unknown template `tt` (did you mean `t`?)");
}

#[test]
fn problems_name_their_place() {
    for (text, problem) in [
        ("{{ user.first_name", "unexpected end of input, expected end of variable block"),
        ("a\nb {{ }}", "line 2: unexpected end of variable block"),
        ("{{ event.at | local('%') }}", "`%` is no format of `strftime`, as `%H:%M` is"),
        ("{{ event.at | local }}", "missing argument"),
        ("{{ usr.first_name }}", "unknown name `usr` (did you mean `user`?)"),
        (
            "{{ first_name }}",
            "unknown name `first_name` (a template knows `user`, `event`, `item`, `key` and `request`; an attribute is `user.NAME`)",
        ),
        ("{{ user.name | shout }}", "filter shout is unknown"),
        ("{{ usre() }}", "unknown name `usre` (did you mean `user`?)"),
        ("{% include 'other' %}", "unknown statement include"),
        ("{% for i in range(100000) %}x{% endfor %}", "it takes more than 20000 steps"),
    ] {
        assert_eq!(
            problems(&[], &[template("t", &[("text", text)])]),
            [format!("templates.t.text: {problem}")]
        );
    }
    // No clock, no chance, no look into the engine.
    for text in ["{{ now() }}", "{{ random() }}", "{{ user.tags | random }}", "{{ debug() }}"] {
        assert_eq!(problems(&[], &[template("t", &[("text", text)])]).len(), 1, "{text}");
    }
    let long = "x".repeat(TEMPLATE_BYTES_MAX + 1);
    let broken = |name| {
        let mut variant = variant(name, "", 0, 1.0);
        variant.content = [("title".into(), "{{".into()), ("body".into(), long.clone().into())].into();
        variant
    };
    assert_eq!(
        problems(&[placement("hero", vec![variant("a", "", 0, 1.0), broken("b")])], &[]),
        [
            "placements.hero.variant.1.content.body: the text has 65537 bytes, at most 65536 are allowed",
            "placements.hero.variant.1.content.title: unexpected end of input, expected expression"
        ]
    );
    let twice = [template("t", &[]), template("t", &[])];
    assert_eq!(problems(&[], &twice), ["templates.t: the template `t` is defined twice"]);
}

#[test]
fn the_hosts_values_may_be_nested_without_end() {
    let mut deep = Value::from(1);
    for _ in 0..1_000 {
        deep = Value::List(vec![object(&[("a", deep)]).into()]);
    }
    let dotted = vec!["a"; 10_000].join(".");
    let request = object(&[("deep", deep), (&dotted, 1.into())]);
    let cx = RenderContext { request: Some(&request), ..RenderContext::default() };
    for text in ["{{ request }}", "{{ request.deep }}{{ request.a.a.a }}"] {
        assert!(shop(text).render("t", cx).is_ok_and(|text| text.len() < OUTPUT_BYTES_MAX));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_text_panics(pieces in prop::collection::vec(0_usize..40, 0..12)) {
        const PIECES: [&str; 40] = [
            "{{", "}}", "{%", "%}", "{#", "#}", " user", ".first_name", "[0]", " | ", "default", "(", ")", "1", "-",
            " * ", "9999999999", "'é'", " for x in ", " endfor ", " if ", " endif ", " set x = ", "range", "request",
            "\n", "~", "[", "]", ",", " recursive", "loop", " is ", "defined", "sort", "round", "batch", ":", "**", "//",
        ];
        let text: String = pieces.iter().map(|piece| PIECES[*piece]).collect();
        for text in [format!("{{{{ {text} }}}}"), text] {
            let template = template("t", &[("text", &text)]);
            if problems(&[], std::slice::from_ref(&template)).is_empty() {
                let _ = render(&text);
            }
        }
    }
}
