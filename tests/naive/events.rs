//! # events: random events, conditions after `where`, windows and sequences
//! Only well-kinded ones whose truth flips on the grid.

use super::ast::{Comparison, Events, Expr, Function, LengthUnit, Operation, Period, Source};
use super::ast::{Step, TextTest, Value, Window, events, text};
use super::clock::HOUR;
use super::frame::{self, Frame, one_in, pick};
use fastrand::Rng;

/// Any comparison that fits ordered values.
pub(crate) fn comparison(rng: &mut Rng) -> Comparison {
    use Comparison::{Eq, Ge, Gt, Le, Lt, Ne};
    pick(rng, &[Eq, Ne, Lt, Le, Gt, Ge, Ge, Gt])
}

/// A literal.
pub(crate) fn int(n: i64) -> Expr {
    Expr::Literal(Value::Int(n))
}

/// A literal.
pub(crate) fn length(ms: i64) -> Expr {
    Expr::Literal(Value::Duration(ms))
}

/// A literal.
pub(crate) fn string(s: &str) -> Expr {
    Expr::Literal(text(s))
}

/// A literal number near those that messages bring.
pub(crate) fn amount(rng: &mut Rng) -> Expr {
    match rng.u32(0..4) {
        0 => Expr::Percent(pick(rng, &[5, 10, 20])),
        1 => int(pick(rng, &[0, 5, 10, 20])),
        _ => Expr::Literal(Value::Float(pick(rng, &[2.5, 5.0, 10.0, 12.25, 15.0, 30.5]))),
    }
}

/// A value of a string property.
pub(crate) fn word(rng: &mut Rng, property: &str) -> &'static str {
    match property {
        "sku" => pick(rng, &frame::SKUS),
        "city" => pick(rng, &frame::CITIES),
        "category" => pick(rng, &frame::CATEGORIES),
        "utm source" => pick(rng, &frame::CAMPAIGNS),
        other => panic!("`{other}` is no string property"),
    }
}

/// A filter that asks for the key of the part that is looked at, perhaps beside another one.
fn about_key(rng: &mut Rng, filter: Expr) -> Expr {
    let property = |name: &str| Expr::Property(name.to_owned());
    let own = match rng.u32(0..5) {
        0 | 1 => property(pick(rng, &["sku", "city", "category"])).compare(Comparison::Ne, Expr::Key),
        2 => property(pick(rng, &["sku", "city", "category"])).compare(Comparison::Eq, Expr::Key),
        _ => property("amount").compare(comparison(rng), Expr::AttributeOfKey("budget".to_owned())),
    };
    match rng.u32(0..4) {
        0 => own.and(filter),
        1 => own.or(filter),
        _ => own,
    }
}

/// Events without a property: any source, condition and window.
pub(crate) fn some_events(rng: &mut Rng, frame: &Frame, keyed: bool) -> Events {
    let mut chosen = with_source(rng, keyed);
    let rows = matches!(chosen.source, Source::Rows(..));
    if rng.u32(0..10) < 4 {
        let filter = condition(rng, frame, rows, 1);
        chosen = chosen.filter(match keyed && !rows && one_in(rng, 3) {
            true => about_key(rng, filter),
            false => filter,
        });
    }
    if rng.u32(0..10) < 7 {
        let window = window(rng, frame);
        // `where x between …` would read as a comparison.
        let ambiguous = matches!(window, Window::Between(..)) && chosen.condition.is_some();
        if !ambiguous {
            chosen = chosen.during(window);
        }
    }
    chosen
}

fn with_source(rng: &mut Rng, keyed: bool) -> Events {
    let mut chosen = events(pick(rng, &frame::EVENTS));
    match rng.u32(0..20) {
        0 => chosen.source = Source::Any,
        1 => chosen = events(pick(rng, &["page", "screen"])),
        2..4 => {
            let mut names = frame::EVENTS.map(str::to_owned);
            rng.shuffle(&mut names);
            chosen.source = Source::Named(names[..rng.usize(2..4)].to_vec());
        }
        4..6 if !keyed => chosen.source = Source::Rows("order".to_owned(), "products".to_owned()),
        _ => {}
    }
    chosen
}

/// Any window that fits the frame.
pub(crate) fn window(rng: &mut Rng, frame: &Frame) -> Window {
    match rng.u32(0..20) {
        0..8 => Window::In(frame.duration(rng)),
        8..10 => {
            let (a, b) = (frame.duration(rng), frame.duration(rng));
            if a == b { Window::In(a) } else { Window::FromTo(a.max(b), a.min(b)) }
        }
        10..13 => Window::This(period(rng, frame)),
        13..15 => Window::Last(period(rng, frame), pick(rng, &[1, 1, 2, 3])),
        15 => Window::Since(frame.instant(rng)),
        16 => Window::Before(frame.instant(rng)),
        17 => {
            let (a, b) = (frame.instant(rng), frame.instant(rng));
            Window::Between(a.min(b), a.max(b) + frame.grid)
        }
        18 => {
            let mut since = with_source(rng, true);
            if one_in(rng, 3) {
                since = since.filter(condition(rng, frame, false, 0));
            }
            Window::SinceLast(Box::new(since))
        }
        _ => Window::Session,
    }
}

fn period(rng: &mut Rng, frame: &Frame) -> Period {
    if frame.grid < HOUR {
        pick(rng, &[Period::Day, Period::Day, Period::Week, Period::Month, Period::Year])
    } else {
        pick(rng, &[Period::Day, Period::Week, Period::Week, Period::Month, Period::Year])
    }
}

/// A condition after `where`.
pub(crate) fn condition(rng: &mut Rng, frame: &Frame, rows: bool, depth: u32) -> Expr {
    if depth > 0 && one_in(rng, 4) {
        let a = condition(rng, frame, rows, depth - 1);
        let b = condition(rng, frame, rows, depth - 1);
        return match rng.u32(0..3) {
            0 => a.and(b),
            1 => a.or(b),
            _ => a.negated(),
        };
    }
    if rows { row_condition(rng) } else { event_condition(rng, frame) }
}

fn row_condition(rng: &mut Rng) -> Expr {
    let of = |name: &str| Expr::Property(name.to_owned());
    match rng.u32(0..5) {
        0 => of("category").compare(Comparison::Eq, string(word(rng, "category"))),
        1 => of("price").compare(comparison(rng), amount(rng)),
        2 => of("quantity").compare(Comparison::Ge, int(2)),
        3 => of("event.channel").compare(Comparison::Eq, string("app")),
        _ => of("sku").compare(Comparison::Ne, string(word(rng, "sku"))),
    }
}

fn event_condition(rng: &mut Rng, frame: &Frame) -> Expr {
    let of = |name: &str| Expr::Property(name.to_owned());
    let user = |name: &str| Expr::UserAttribute(name.to_owned());
    match rng.u32(0..22) {
        0..5 => {
            let property = pick(rng, &["sku", "city", "category", "utm source"]);
            let op = pick(rng, &[Comparison::Eq, Comparison::Eq, Comparison::Ne, Comparison::Lt]);
            of(property).compare(op, string(word(rng, property)))
        }
        5..7 => of("amount").compare(comparison(rng), amount(rng)),
        7 => of("gift"),
        8 => {
            let list = vec![text(word(rng, "city")), text(word(rng, "city"))];
            let city = Box::new(of("city"));
            if rng.bool() { Expr::In(city, list) } else { Expr::NotIn(city, list) }
        }
        9 => {
            let device = of("context.device.type");
            device.compare(Comparison::Eq, string(pick(rng, &frame::DEVICES)))
        }
        10 => {
            let campaign = of("context.campaign.source");
            campaign.compare(Comparison::Ne, string(pick(rng, &frame::CAMPAIGNS)))
        }
        11 => of("category").compare(Comparison::Eq, user("interest")),
        12 => of("amount").compare(comparison(rng), user("score")),
        13 if frame.hours_matter => {
            let (low, high) = (rng.i64(0..13), rng.i64(10..24));
            Expr::Between(Box::new(Expr::AtHour), Box::new(int(low)), Box::new(int(high)))
        }
        14 => {
            let days = ["sat", "sun", "mon", "thu"];
            Expr::AtWeekday.compare(Comparison::Eq, string(pick(rng, &days)))
        }
        15 => Expr::At.compare(comparison(rng), Expr::Literal(Value::Instant(frame.instant(rng)))),
        16 => Expr::At.compare(Comparison::Gt, user("signup")),
        17 => {
            of("due").compare(Comparison::Le, Expr::At.calculate(Operation::Add, length(frame.duration(rng))))
        }
        18 => {
            let property = Box::new(of(pick(rng, &["city", "amount", "sku"])));
            if rng.bool() { Expr::IsMissing(property) } else { Expr::IsPresent(property) }
        }
        19 => {
            let tag = string(pick(rng, &frame::TAGS));
            Expr::Test(TextTest::Contains, Box::new(of("tags")), Box::new(tag))
        }
        20 => {
            let lower = Expr::Call(Function::Lower, vec![of("city")]);
            Expr::Test(TextTest::StartsWith, Box::new(lower), Box::new(string("p")))
        }
        _ => near(of("place"), rng),
    }
}

/// A point within some kilometres of Paris.
pub(crate) fn near(point: Expr, rng: &mut Rng) -> Expr {
    let float = |x| Expr::Literal(Value::Float(x));
    let paris = Expr::Call(Function::Geo, vec![float(48.8566), float(2.3522)]);
    let distance = Expr::Call(Function::Distance, vec![point, paris]);
    let limits = [
        Expr::Length(5, LengthUnit::Kilometre),
        Expr::Length(700, LengthUnit::Metre),
        Expr::Length(300, LengthUnit::Mile),
    ];
    let op = pick(rng, &[Comparison::Lt, Comparison::Gt]);
    distance.compare(op, pick(rng, &limits))
}

/// A sequence of two to four steps.
pub(crate) fn sequence(rng: &mut Rng, frame: &Frame) -> Expr {
    let mut steps = vec![step(rng, frame, false, false)];
    for _ in 0..rng.usize(1..4) {
        let negative = rng.u32(0..5) < 2;
        steps.push(step(rng, frame, negative, true));
    }
    let window = match rng.u32(0..6) {
        0..3 => Window::All,
        3 => Window::In(frame.duration(rng)),
        4 => Window::In(pick(rng, &frame.durations[4..])),
        _ => match window(rng, frame) {
            Window::SinceLast(_) => Window::Session,
            other => other,
        },
    };
    Expr::Sequence(steps, window)
}

fn step(rng: &mut Rng, frame: &Frame, negative: bool, may_have_within: bool) -> Step {
    let condition = one_in(rng, 4).then(|| Box::new(condition(rng, frame, false, 0)));
    let within = (may_have_within && rng.u32(0..5) < 2).then(|| frame.duration(rng));
    Step { negative, source: with_source(rng, true).source, condition, within }
}
