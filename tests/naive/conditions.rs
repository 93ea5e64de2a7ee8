//! # conditions: random boolean expressions, well-kinded, with flips on the grid
//! What time moves is written in forms whose flip can be told: `now` against an instant that only
//! messages and windows move, on one side of one comparison.

use super::ast::{Aggregate, Comparison, Events, Expr, Function, Operation, Segment, SessionField};
use super::ast::{TextTest, Value, Window, text};
use super::clock::{DAY, HOUR, MINUTE};
use super::events::{amount, comparison, int, length, near, sequence, some_events, string};
use super::events::{window, word};
use super::frame::{self, Frame, one_in, pick};
use fastrand::Rng;

/// Makes conditions for one scenario.
pub(crate) struct Maker<'a> {
    /// Where chance comes from.
    pub(crate) rng: &'a mut Rng,
    /// What all conditions agree on.
    pub(crate) frame: &'a Frame,
    /// Segments that may be referred to.
    pub(crate) known: &'a [Segment],
    /// The property that parts the events, inside a keyed segment or `some`.
    pub(crate) by: Option<&'static str>,
}

impl Maker<'_> {
    /// A condition over the user, or over a part if `by` is set; then it reads events.
    pub(crate) fn condition(&mut self, depth: u32) -> Expr {
        if self.by.is_none() {
            return self.tree(depth);
        }
        let first = self.behaviour();
        let first = if one_in(self.rng, 8) { first.negated() } else { first };
        match self.rng.u32(0..6) {
            0 | 1 => first,
            2..5 => first.and(self.tree(depth - 1)),
            _ => self.tree(depth - 1).or(first),
        }
    }

    fn tree(&mut self, depth: u32) -> Expr {
        if depth == 0 || one_in(self.rng, 3) {
            return self.atom();
        }
        let a = self.tree(depth - 1);
        match self.rng.u32(0..6) {
            0..3 => a.and(self.tree(depth - 1)),
            3..5 => a.or(self.tree(depth - 1)),
            _ => a.negated(),
        }
    }

    fn atom(&mut self) -> Expr {
        match self.rng.u32(0..20) {
            0..7 => self.behaviour(),
            7..11 => self.elapsed(),
            11 => self.calendar(),
            12..14 => self.session(),
            15..18 if self.by.is_some() => self.of_key(),
            14..17 => self.attribute(),
            17 => self.affinity(),
            18 => self.reference(),
            _ if self.by.is_some() => self.behaviour(),
            _ => self.some(),
        }
    }

    fn events(&mut self) -> Events {
        some_events(self.rng, self.frame, self.by.is_some())
    }

    /// Numbers, strings and bools that only events and windows change.
    fn behaviour(&mut self) -> Expr {
        let rows = |e: &Events| matches!(e.source, super::ast::Source::Rows(..));
        let events = self.events();
        let number = if rows(&events) { "price" } else { "amount" };
        let of_number = |which, events: Events| Expr::Aggregate(which, events.of(number));
        match self.rng.u32(0..24) {
            0..4 => Expr::Aggregate(Aggregate::Did, events),
            4..8 => {
                let limit = self.how_many();
                Expr::Aggregate(Aggregate::Count, events).compare(comparison(self.rng), limit)
            }
            8..10 => {
                let limit = self.limit();
                of_number(Aggregate::Sum, events).compare(comparison(self.rng), limit)
            }
            10..13 => {
                use Aggregate::{Avg, Max, Median, Min, Percentile, Stddev};
                let percent = Percentile(pick(self.rng, &[0, 10, 25, 75, 90, 100]));
                let which = pick(self.rng, &[Avg, Min, Max, Median, percent, Stddev]);
                // Nothing that a sample of the amounts deviates by exactly.
                let limit = match which {
                    Stddev => Expr::Literal(Value::Float(3.7)),
                    _ => amount(self.rng),
                };
                of_number(which, events).compare(comparison(self.rng), limit)
            }
            13 => {
                let limit = self.how_many();
                Expr::Aggregate(Aggregate::Distinct, events.of("sku")).compare(comparison(self.rng), limit)
            }
            14..16 => {
                let which = pick(self.rng, &[Aggregate::Mode, Aggregate::First, Aggregate::Last]);
                let property = pick(self.rng, &["sku", "category"]);
                let op = pick(self.rng, &[Comparison::Eq, Comparison::Ne]);
                let value = string(word(self.rng, property));
                Expr::Aggregate(which, events.of(property)).compare(op, value)
            }
            16 if !rows(&events) => {
                let device = Expr::Aggregate(Aggregate::Last, events.of("context.device.type"));
                device.compare(Comparison::Eq, string(pick(self.rng, &frame::DEVICES)))
            }
            17 => {
                let which = pick(self.rng, &[Aggregate::ActiveDays, Aggregate::Streak]);
                let limit = self.how_many();
                let op = pick(self.rng, &[Comparison::Ge, Comparison::Gt, Comparison::Eq]);
                Expr::Aggregate(which, events).compare(op, limit)
            }
            18 => self.ratio(),
            19 if !rows(&events) => near(Expr::Aggregate(Aggregate::Last, events.of("place")), self.rng),
            20 => {
                let which = pick(self.rng, &[Aggregate::Last, Aggregate::Avg, Aggregate::Mode]);
                let asked = Box::new(of_number(which, events));
                if self.rng.bool() { Expr::IsMissing(asked) } else { Expr::IsPresent(asked) }
            }
            _ => sequence(self.rng, self.frame),
        }
    }

    fn limit(&mut self) -> Expr {
        let budget = match self.by {
            Some("category") if self.rng.bool() => Expr::AttributeOfKey("budget".to_owned()),
            _ => Expr::Attribute("budget.dining".to_owned()),
        };
        match self.rng.u32(0..4) {
            0 => Expr::Literal(Value::Float(0.5)).calculate(Operation::Mul, budget),
            1 => budget,
            _ => amount(self.rng),
        }
    }

    /// What a number of events is compared with, which need be none.
    fn how_many(&mut self) -> Expr {
        match self.rng.u32(0..3) {
            0 => Expr::Literal(Value::Float(pick(self.rng, &[-0.5, 0.4, 1.25, 1.5, 2.0, 2.25, 2.75]))),
            _ => int(self.rng.i64(0..4)),
        }
    }

    /// Arithmetic on two aggregates; divisions by zero included.
    fn ratio(&mut self) -> Expr {
        let (a, b) = (self.events(), self.events());
        let count = |events| Expr::Aggregate(Aggregate::Count, events);
        let op = comparison(self.rng);
        match self.rng.u32(0..4) {
            0 => {
                let half = Expr::Literal(Value::Float(0.5));
                count(a).calculate(Operation::Div, count(b)).compare(op, half)
            }
            1 => count(a).calculate(Operation::Sub, count(b)).compare(op, int(0)),
            2 => {
                let both = count(a).calculate(Operation::Mul, int(2));
                both.calculate(Operation::Add, int(1)).compare(op, count(b))
            }
            _ => {
                let difference = count(a).calculate(Operation::Sub, count(b));
                Expr::Negate(Box::new(difference)).compare(op, int(-1))
            }
        }
    }

    /// An instant that time alone moves only where a window lets go of an event.
    fn instant(&mut self) -> Expr {
        let events = self.events();
        let rows = matches!(events.source, super::ast::Source::Rows(..));
        match self.rng.u32(0..10) {
            0..6 => Expr::Aggregate(Aggregate::Last, events),
            6 => Expr::Aggregate(Aggregate::First, events),
            7 if !rows => {
                let which = pick(self.rng, &[Aggregate::Last, Aggregate::Max, Aggregate::Min]);
                Expr::Aggregate(which, events.of("due"))
            }
            8 => Expr::Session(SessionField::Started),
            _ => Expr::Attribute(pick(self.rng, &["signup", "due"]).to_owned()),
        }
    }

    /// `now` against an instant.
    fn elapsed(&mut self) -> Expr {
        let since = |instant| Expr::Now.calculate(Operation::Sub, instant);
        let instant = self.instant();
        let limit = self.frame.duration(self.rng);
        let op = comparison(self.rng);
        match self.rng.u32(0..16) {
            0..6 => since(instant).compare(op, self.written_limit(limit)),
            6 => instant.calculate(Operation::Add, length(limit)).compare(op, Expr::Now),
            7 => Expr::Now.compare(op, instant.calculate(Operation::Sub, length(limit))),
            8 => {
                let (low, high) = (limit, limit + self.frame.duration(self.rng));
                let (low, high) = (Box::new(length(low)), Box::new(length(high)));
                Expr::Between(Box::new(since(instant)), low, high)
            }
            9 => {
                let unit = pick(self.rng, &[HOUR, DAY, 10 * MINUTE]).max(self.frame.grid);
                let quotient = since(instant).calculate(Operation::Div, length(unit));
                quotient.compare(op, int(self.rng.i64(0..5)))
            }
            10..12 => {
                let distance = if self.rng.bool() {
                    since(instant)
                } else {
                    instant.calculate(Operation::Sub, Expr::Now)
                };
                let distance = Expr::Call(Function::Abs, vec![distance]);
                distance.compare(op, length(limit))
            }
            12 => {
                let end = Expr::Now.calculate(Operation::Add, length(limit));
                Expr::Between(Box::new(instant), Box::new(Expr::Now), Box::new(end))
            }
            13 => {
                // Both present: whether a missing argument counts is nobody's business here.
                let (a, b) = (instant, self.instant());
                let which = pick(self.rng, &[Function::MinOf, Function::MaxOf]);
                let present = |e: &Expr| Expr::IsPresent(Box::new(e.clone()));
                let both = present(&a).and(present(&b));
                both.and(since(Expr::Call(which, vec![a, b])).compare(op, length(limit)))
            }
            14 => instant.calculate(Operation::Sub, self.instant()).compare(op, length(limit)),
            _ => {
                let (a, b) = (self.frame.instant(self.rng), self.frame.instant(self.rng));
                let literal = |at| Box::new(Expr::Literal(Value::Instant(at)));
                match self.rng.u32(0..2) {
                    0 => Expr::Now.compare(op, *literal(a)),
                    _ => Expr::Between(Box::new(Expr::Now), literal(a.min(b)), literal(a.max(b))),
                }
            }
        }
    }

    /// A duration, now and then as a product or a quotient of constants.
    fn written_limit(&mut self, limit: i64) -> Expr {
        match self.rng.u32(0..8) {
            0 => length(limit).calculate(Operation::Mul, int(2)),
            1 => length(limit * 2).calculate(Operation::Div, int(2)),
            _ => length(limit),
        }
    }

    /// What the wall clock and the wall calendar say.
    fn calendar(&mut self) -> Expr {
        let born = || Expr::Attribute("birthday".to_owned());
        match self.rng.u32(0..5) {
            0 if self.frame.hours_matter => {
                Expr::LocalHour.compare(comparison(self.rng), int(self.rng.i64(0..24)))
            }
            1 if self.frame.hours_matter => {
                let step = self.frame.grid.max(15 * MINUTE);
                let steps = DAY / step;
                let time = |n: i64| Box::new(Expr::Literal(Value::Time(n * step)));
                let (a, b) = (self.rng.i64(0..steps), self.rng.i64(0..steps));
                match self.rng.u32(0..3) {
                    0 => Expr::LocalTime.compare(Comparison::Ge, *time(a)),
                    1 => Expr::LocalTime.compare(Comparison::Lt, *time(a)),
                    _ => Expr::Between(Box::new(Expr::LocalTime), time(a), time(b)),
                }
            }
            2 => {
                let age = Expr::Call(Function::Age, vec![born()]);
                age.compare(comparison(self.rng), int(pick(self.rng, &[17, 18])))
            }
            3 => Expr::Call(Function::IsAnniversary, vec![born()]),
            _ if self.rng.bool() => {
                let days = vec![text("sat"), text("sun"), text("mon")];
                Expr::In(Box::new(Expr::Weekday), days)
            }
            _ => {
                let day = string(pick(self.rng, &["sun", "mon", "tue", "thu"]));
                Expr::Weekday.compare(pick(self.rng, &[Comparison::Eq, Comparison::Ne]), day)
            }
        }
    }

    fn session(&mut self) -> Expr {
        let field = Expr::Session;
        match self.rng.u32(0..6) {
            0 => {
                // Forms that do not tell a number of 0 from a missing one.
                let op = pick(self.rng, &[Comparison::Eq, Comparison::Ne, Comparison::Ge]);
                field(SessionField::Number).compare(op, int(self.rng.i64(1..4)))
            }
            1 => field(SessionField::Events).compare(comparison(self.rng), int(self.rng.i64(1..4))),
            2 => {
                let limit = length(self.frame.duration(self.rng));
                field(SessionField::Duration).compare(comparison(self.rng), limit)
            }
            3 => {
                let started = Box::new(field(SessionField::Started));
                if self.rng.bool() { Expr::IsMissing(started) } else { Expr::IsPresent(started) }
            }
            4 => {
                let limit = length(self.frame.duration(self.rng));
                let due = field(SessionField::Started).calculate(Operation::Add, limit);
                due.compare(Comparison::Lt, Expr::Now)
            }
            _ => {
                let mut events = self.events();
                events.window = Window::Session;
                let count = Expr::Aggregate(Aggregate::Count, events);
                let limit = self.how_many();
                count.compare(comparison(self.rng), limit)
            }
        }
    }

    fn attribute(&mut self) -> Expr {
        let of = |name: &str| Expr::Attribute(name.to_owned());
        let equality = pick(self.rng, &[Comparison::Eq, Comparison::Ne]);
        match self.rng.u32(0..13) {
            0 => of("country").compare(equality, string(pick(self.rng, &frame::COUNTRIES))),
            1 => {
                let countries = vec![text("FR"), text("DE")];
                Expr::NotIn(Box::new(of("country")), countries)
            }
            2 => of("vip"),
            3 => of("score").compare(comparison(self.rng), amount(self.rng)),
            4 => {
                let product = of("score").calculate(Operation::Mul, of("budget.dining"));
                product.calculate(Operation::Sub, int(3)).compare(Comparison::Gt, int(17))
            }
            5 => {
                let listed = vec![text("shoes"), text("books")];
                let which = pick(self.rng, &[Function::AnyIn, Function::AllIn]);
                Expr::Call(which, vec![of("interests"), Expr::Literal(Value::List(listed))])
            }
            6 => {
                let wanted = string(pick(self.rng, &frame::CATEGORIES));
                Expr::Test(TextTest::Contains, Box::new(of("interests")), Box::new(wanted))
            }
            7 => {
                let measured = pick(self.rng, &["interests", "plan"]);
                let measured = Expr::Call(Function::Length, vec![of(measured)]);
                measured.compare(comparison(self.rng), int(self.rng.i64(1..5)))
            }
            8 => near(of("location"), self.rng),
            9 => {
                let asked = pick(self.rng, &["country", "score", "signup", "timezone", "group.id"]);
                let asked = Box::new(of(asked));
                if self.rng.bool() { Expr::IsMissing(asked) } else { Expr::IsPresent(asked) }
            }
            10 => {
                let test = pick(self.rng, &[TextTest::StartsWith, TextTest::EndsWith]);
                let plan = Expr::Call(Function::Lower, vec![of("plan")]);
                Expr::Test(test, Box::new(plan), Box::new(string(pick(self.rng, &["p", "m", "fr"]))))
            }
            11 if !self.frame.strict => self.undeclared(),
            _ => of("group.plan").compare(equality, string(pick(self.rng, &frame::PLANS))),
        }
    }

    /// Names that only a lenient schema allows; the messages bring them in several kinds.
    fn undeclared(&mut self) -> Expr {
        let tier = Expr::Attribute("tier".to_owned());
        match self.rng.u32(0..4) {
            0 => tier.compare(comparison(self.rng), int(2)),
            1 => tier.compare(comparison(self.rng), string("gold")),
            2 => tier.calculate(Operation::Add, int(1)).compare(Comparison::Gt, int(2)),
            _ => {
                let events = super::ast::events("unlisted").during(window(self.rng, self.frame));
                Expr::Aggregate(Aggregate::Did, events)
            }
        }
    }

    fn affinity(&mut self) -> Expr {
        let property = pick(self.rng, &["category", "city"]);
        let value = word(self.rng, property);
        if self.rng.bool() {
            // No share of small weights and whole half-lives is exactly this.
            let limit = Expr::Literal(Value::Float(pick(self.rng, &[0.013, 0.37, 0.61])));
            let op = pick(self.rng, &[Comparison::Gt, Comparison::Lt]);
            Expr::Affinity(property.to_owned(), value.to_owned()).compare(op, limit)
        } else {
            let op = pick(self.rng, &[Comparison::Eq, Comparison::Ne]);
            Expr::Top(property.to_owned()).compare(op, string(value))
        }
    }

    fn of_key(&mut self) -> Expr {
        let by = self.by.expect("only asked for inside a part");
        let values = [word(self.rng, by), word(self.rng, by)];
        match self.rng.u32(0..3) {
            0 => Expr::Key.compare(Comparison::Ne, string(values[0])),
            1 => Expr::In(Box::new(Expr::Key), values.iter().map(|v| text(v)).collect()),
            _ => {
                let budget = Expr::AttributeOfKey("budget".to_owned());
                budget.compare(comparison(self.rng), amount(self.rng))
            }
        }
    }

    fn reference(&mut self) -> Expr {
        if self.known.is_empty() {
            return self.behaviour();
        }
        let segment = Expr::Segment(pick(self.rng, self.known).name);
        if one_in(self.rng, 3) { segment.negated() } else { segment }
    }

    fn some(&mut self) -> Expr {
        let by = pick(self.rng, &["sku", "city", "category"]);
        // Without references: which key they would ask for is left open by the text.
        let mut inner = Maker { rng: self.rng, frame: self.frame, known: &[], by: Some(by) };
        Expr::Some(by.to_owned(), Box::new(inner.condition(1)))
    }
}
