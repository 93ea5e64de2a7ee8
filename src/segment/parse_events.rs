//! Events, windows and sequences: what stands in the parentheses of an aggregate.

use crate::model::{Period, Quoted, nearest};
use crate::segment::ast::{EventName, Events, ExprKind, Path, Step, Window};
use crate::segment::lex::Token;
use crate::segment::parse::{Parsed, Parser};
use crate::segment::{Error, ErrorKind, Span};

const PERIODS: [(&str, Period); 4] =
    [("day", Period::Day), ("week", Period::Week), ("month", Period::Month), ("year", Period::Year)];

impl Parser {
    /// `event.property where condition window`
    pub(crate) fn events(&mut self) -> Parsed<Events> {
        let (start, names, path) = self.events_head()?;
        let condition = if self.eat_word("where") { Some(self.expression()?) } else { None };
        let window = self.window()?;
        Ok(Events { names, path, condition, window, span: start.to(self.last_span()) })
    }

    #[allow(clippy::type_complexity)]
    fn events_head(&mut self) -> Parsed<(Span, Vec<(EventName, Span)>, Option<Path>)> {
        let start = self.span();
        let mut names = Vec::new();
        if self.eat("[") {
            loop {
                self.count(self.span())?;
                names.push(self.listed_event_name()?);
                if self.eat("]") {
                    break;
                }
                if !self.eat(",") {
                    return self.expected("`,` or `]` in a list of events");
                }
            }
        } else {
            names.push(self.event_name()?);
        }
        let path = if self.eat(".") { Some(self.path()?) } else { None };
        Ok((start, names, path))
    }

    /// In a list no property follows, so that dots belong to the name: `[message.sent, message.opened]`.
    fn listed_event_name(&mut self) -> Parsed<(EventName, Span)> {
        match self.event_name()? {
            (EventName::Named(name), span) if self.eat(".") => {
                let rest = self.path()?;
                Ok((EventName::Named(format!("{name}.{}", rest.dotted()).into()), span.to(rest.span)))
            }
            other => Ok(other),
        }
    }

    fn event_name(&mut self) -> Parsed<(EventName, Span)> {
        let span = self.span();
        match self.peek().clone() {
            Token::Text(text) => {
                self.next();
                Ok((EventName::Named(text), span))
            }
            Token::Word { text, quoted: false } if text.eq_ignore_ascii_case("any") => {
                self.next();
                Ok((EventName::Any, span))
            }
            Token::Word { text, quoted } => {
                if !quoted && (text.eq_ignore_ascii_case("where") || text.eq_ignore_ascii_case("in")) {
                    return self.expected("the name of an event, `any`, or a list of events");
                }
                self.next();
                Ok((EventName::Named(text), span))
            }
            _ => self.expected("the name of an event, `any`, or a list of events"),
        }
    }

    /// Whether the `in` that stands here begins a window and not a list.
    pub(crate) fn is_window_after_in(&self) -> bool {
        match self.peek_at(1) {
            Token::Duration(_) | Token::Int(_) | Token::Float(_) => true,
            Token::Word { text, quoted: false } => {
                let alone = ["today", "yesterday", "session"];
                let before_period = ["this", "last"];
                alone.iter().any(|w| w.eq_ignore_ascii_case(text))
                    || before_period.iter().any(|w| w.eq_ignore_ascii_case(text))
            }
            _ => false,
        }
    }

    pub(crate) fn window(&mut self) -> Parsed<Option<(Window, Span)>> {
        let start = self.span();
        let window = if self.eat_word("in") {
            self.window_in()?
        } else if self.is_word("from") {
            self.next();
            let from = self.window_duration("from `60d` to 30d ago")?;
            if !self.eat_word("to") {
                return self.expected("`to` as in `from 60d to 30d ago`");
            }
            let to = self.window_duration("from 60d to `30d` ago")?;
            if !self.eat_word("ago") {
                return self.expected("`ago` as in `from 60d to 30d ago`");
            }
            Window::FromTo(from, to)
        } else if self.eat_word("since") {
            if let Token::Instant(at) = *self.peek() {
                self.next();
                Window::Since(at)
            } else if self.is_word("last") && matches!(self.peek_at(1), Token::Sign("(")) {
                self.next();
                self.next();
                let events = self.since_events()?;
                self.expect(")", "behind the events of `since last`")?;
                Window::SinceLast(Box::new(events))
            } else {
                return self.expected("`since last(event)` or `since @2026-01-01`");
            }
        } else if self.eat_word("before") {
            Window::Before(self.window_instant()?)
        } else if self.eat_word("between") {
            let from = self.window_instant()?;
            if !self.eat_word("and") {
                return self.expected("`and` as in `between @2026-01-01 and @2026-02-01`");
            }
            Window::Between(from, self.window_instant()?)
        } else {
            return Ok(None);
        };
        let span = start.to(self.last_span());
        let empty = match window {
            Window::Sliding(d) => d <= 0,
            Window::FromTo(from, to) => from <= to,
            Window::Between(from, to) => from >= to,
            Window::Calendar(..)
            | Window::SinceLast(_)
            | Window::Since(_)
            | Window::Before(_)
            | Window::Session => false,
        };
        if empty {
            let error = Error::new(ErrorKind::EmptyWindow, "this window can hold no event", span);
            let error = match window {
                Window::FromTo(from, to) if from < to => {
                    error.help("the longer time comes first: `from 60d to 30d ago`")
                }
                Window::Between(..) => error.help("the earlier instant comes first"),
                _ => error,
            };
            self.errors.push(error);
        }
        Ok(Some((window, span)))
    }

    fn since_events(&mut self) -> Parsed<Events> {
        self.level(Self::events)
    }

    fn window_instant(&mut self) -> Parsed<i64> {
        match *self.peek() {
            Token::Instant(at) => {
                self.next();
                Ok(at)
            }
            _ => self.expected("an instant such as `@2026-01-01`"),
        }
    }

    fn window_duration(&mut self, place: &str) -> Parsed<i64> {
        match *self.peek() {
            Token::Duration(ms) => {
                self.next();
                Ok(ms)
            }
            Token::Int(n) => {
                let span = self.span();
                let word = match self.peek_at(1) {
                    Token::Word { text, .. } => text.to_string(),
                    _ => String::new(),
                };
                let unit = word.to_lowercase().chars().next().filter(|c| "smhdw".contains(*c)).unwrap_or('d');
                let message = if word.is_empty() {
                    format!("`{n}` has no unit")
                } else {
                    format!("`{n} {word}` is not a duration")
                };
                let error = Error::new(ErrorKind::Lexical, message, span);
                self.error(error.help(if word.to_lowercase().starts_with("month") {
                    "write days (`30d`), or a calendar window such as `in last 3 months`".to_owned()
                } else {
                    format!("write `{n}{unit}`")
                }))
            }
            _ => self.expected(&format!("a duration such as {place}")),
        }
    }

    fn window_in(&mut self) -> Parsed<Window> {
        if self.eat_word("today") {
            return Ok(Window::Calendar(Period::Day, 0));
        }
        if self.eat_word("yesterday") {
            return Ok(Window::Calendar(Period::Day, 1));
        }
        if self.eat_word("session") {
            return Ok(Window::Session);
        }
        if self.eat_word("this") {
            return Ok(Window::Calendar(self.period(false)?, 0));
        }
        if self.eat_word("last") {
            if let Token::Int(n) = *self.peek() {
                let span = self.span();
                self.next();
                let Ok(n @ 1..=100_000) = u32::try_from(n) else {
                    let message = format!("`{n}` periods are not a window; from 1 to 100000 are");
                    return self.error(Error::new(ErrorKind::EmptyWindow, message, span));
                };
                return Ok(Window::Calendar(self.period(true)?, n));
            }
            if let Token::Duration(_) = *self.peek() {
                let message = "`in last` takes a number of days, weeks, months or years";
                let error = Error::new(ErrorKind::Syntax, message, self.span());
                let help = "`in 7d` is so much time up to now, `in last 7 days` are whole days before today";
                return self.error(error.help(help));
            }
            return Ok(Window::Calendar(self.period(false)?, 1));
        }
        Ok(Window::Sliding(self.window_duration("`in 30d`, or a period such as `in this week`")?))
    }

    fn period(&mut self, several: bool) -> Parsed<Period> {
        let Token::Word { text, quoted: false } = self.peek().clone() else {
            return self.expected("day, week, month or year");
        };
        let lower = text.to_lowercase();
        let singular = if several { lower.strip_suffix('s').unwrap_or(&lower) } else { &lower };
        match PERIODS.iter().find(|(name, _)| *name == singular) {
            Some((_, period)) => {
                self.next();
                Ok(*period)
            }
            None => {
                let error =
                    Error::new(ErrorKind::Syntax, format!("{} is not a period", Quoted(&text)), self.span());
                let names = PERIODS.map(|(name, _)| name);
                let error = match nearest(singular, names) {
                    Some(name) => error.suggest(Some(name)),
                    None => error.help("periods are day, week, month and year"),
                };
                self.error(error)
            }
        }
    }

    /// The steps of a sequence, without its window.
    pub(crate) fn steps(&mut self) -> Parsed<ExprKind> {
        let mut steps: Vec<Step> = Vec::new();
        loop {
            let span = self.span();
            self.count(span)?;
            let negative = self.eat_word("not");
            let (start, names, path) = self.events_head()?;
            let condition = if self.eat_word("where") { Some(self.expression()?) } else { None };
            let within =
                if self.eat_word("within") { Some(self.window_duration("`within 1h`")?) } else { None };
            let events = Events { names, path, condition, window: None, span: start.to(self.last_span()) };
            let step_span = span.to(self.last_span());
            if self.is_word("in") || self.is_word("since") || self.is_word("from") {
                let error = Error::new(ErrorKind::Syntax, "a step has no window of its own", self.span());
                return self
                    .error(error.help("the window of a sequence stands behind it: `sequence(a, b) in 7d`"));
            }
            if steps.is_empty() && (negative || within.is_some()) {
                let error = Error::new(
                    ErrorKind::Syntax,
                    "the first step of a sequence is an event, without `within`",
                    step_span,
                );
                return self.error(error.help("`sequence(add_to_cart, not purchase within 1h)`"));
            }
            if within.is_some_and(|d| d <= 0) {
                return self.error(Error::new(ErrorKind::EmptyWindow, "`within` needs some time", step_span));
            }
            steps.push(Step { negative, events, within });
            if !self.eat(",") {
                return Ok(ExprKind::Sequence { steps, window: None });
            }
        }
    }
}
