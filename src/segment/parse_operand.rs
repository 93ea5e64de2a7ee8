//! Operands: literals, names, lists, calls and parentheses, which are where parsing goes on after an error.

use crate::model::{Quoted, nearest};
use crate::segment::ast::{Expr, ExprKind, Literal, Path};
use crate::segment::check_calls::FUNCTIONS;
use crate::segment::check_facts::FACTS;
use crate::segment::lex::Token;
use crate::segment::parse::{AGGREGATES, Parsed, Parser, RESERVED, Reported};
use crate::segment::{Error, ErrorKind, Span};

impl Parser {
    pub(crate) fn signed(&mut self) -> Parsed<Expr> {
        let start = self.span();
        if !self.eat("-") {
            return self.primary();
        }
        let inner = self.level(Self::signed)?;
        let span = start.to(inner.span);
        match inner.kind {
            ExprKind::Literal(Literal::Int(n)) => self.node(ExprKind::Literal(Literal::Int(-n)), span),
            ExprKind::Literal(Literal::Float(x)) => self.node(ExprKind::Literal(Literal::Float(-x)), span),
            _ => self.node(ExprKind::Negative(Box::new(inner)), span),
        }
    }

    fn primary(&mut self) -> Parsed<Expr> {
        if self.is_sign("(") { self.parenthesized() } else { self.operand() }
    }

    #[inline(never)]
    fn parenthesized(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.next();
        let inner = self.recovering(Self::expression)?;
        self.close(start)?;
        Ok(Expr { span: start.to(self.last_span()), ..inner })
    }

    #[inline(never)]
    fn operand(&mut self) -> Parsed<Expr> {
        let start = self.span();
        match self.peek().clone() {
            Token::Sign("[") => self.list(),
            Token::Word { text, quoted } => self.word(&text, quoted, start),
            _ => self.literal(start),
        }
    }

    #[inline(never)]
    fn literal(&mut self, start: Span) -> Parsed<Expr> {
        let literal = match self.peek().clone() {
            Token::Int(n) => {
                self.next();
                self.unit_of(start, n as f64, Literal::Int(n))?
            }
            Token::Float(x) => {
                self.next();
                self.unit_of(start, x, Literal::Float(x))?
            }
            Token::Text(text) => {
                self.next();
                // A string may also be the name of an event, but only where events are expected.
                Literal::Text(text)
            }
            Token::Duration(ms) => {
                self.next();
                Literal::Duration(ms)
            }
            Token::Instant(at) => {
                self.next();
                Literal::Instant(at)
            }
            Token::Time(ms) => {
                self.next();
                Literal::Time(ms)
            }
            Token::Metres(metres) => {
                self.next();
                Literal::Metres(metres)
            }
            _ => return self.expected("a value, a name or a call"),
        };
        self.node(ExprKind::Literal(literal), start.to(self.last_span()))
    }

    /// A number may be followed by a unit of length; units of time belong to the number itself.
    fn unit_of(&mut self, start: Span, number: f64, bare: Literal) -> Parsed<Literal> {
        let Token::Word { text, quoted: false } = self.peek().clone() else { return Ok(bare) };
        let metres = match &*text {
            "km" => 1_000.0,
            "mi" => 1_609.344,
            "m" => 1.0,
            _ => {
                let unit = text.to_lowercase();
                let short = match unit.trim_end_matches('s') {
                    "day" => "d",
                    "hour" | "hr" => "h",
                    "minute" | "min" => "m",
                    "second" | "sec" => "s",
                    "week" => "w",
                    "d" | "h" | "w" | "" => &unit,
                    "month" | "year" => {
                        let error = Error::new(
                            ErrorKind::Lexical,
                            "a month or a year has no fixed length",
                            start.to(self.span()),
                        );
                        return self.error(
                            error.help("write days (`30d`), or a calendar window such as `in last 3 months`"),
                        );
                    }
                    _ => return Ok(bare),
                };
                let error = Error::new(
                    ErrorKind::Lexical,
                    format!("{number} {text} is not a duration"),
                    start.to(self.span()),
                );
                return self.error(error.help(format!("write `{number}{short}`")));
            }
        };
        self.next();
        Ok(Literal::Metres(number * metres))
    }

    fn word(&mut self, text: &str, quoted: bool, start: Span) -> Parsed<Expr> {
        if !quoted && text.eq_ignore_ascii_case("some") && matches!(self.peek_at(1), Token::Word { .. }) {
            return self.some(start);
        }
        let reserved = RESERVED.iter().any(|word| word.eq_ignore_ascii_case(text));
        if !quoted && !reserved && matches!(self.peek_at(1), Token::Sign("(")) {
            self.next();
            self.next();
            return self.call(text, start);
        }
        self.name(text, quoted, reserved, start)
    }

    #[inline(never)]
    fn name(&mut self, text: &str, quoted: bool, reserved: bool, start: Span) -> Parsed<Expr> {
        if !quoted {
            if text.eq_ignore_ascii_case("true") || text.eq_ignore_ascii_case("false") {
                self.next();
                let literal = Literal::Bool(text.eq_ignore_ascii_case("true"));
                return self.node(ExprKind::Literal(literal), start);
            }
            if reserved {
                let error = Error::new(
                    ErrorKind::Syntax,
                    format!("expected a value, a name or a call, found `{text}`"),
                    start,
                );
                return self.error(error.help(format!("a name that is `{text}` goes in backquotes")));
            }
        }
        let path = self.path()?;
        if self.is_sign("[") && self.word_at(1, "key") {
            self.next();
            self.next();
            self.expect("]", "behind `key`")?;
            let span = start.to(self.last_span());
            return self.node(ExprKind::KeyedName(path), span);
        }
        let span = path.span;
        self.node(ExprKind::Name(path), span)
    }

    fn some(&mut self, start: Span) -> Parsed<Expr> {
        self.next();
        let property = self.path()?;
        self.expect(":", "behind the property of `some`")?;
        let open = self.span();
        self.expect("(", "around the condition of `some`")?;
        let condition = self.recovering(Self::expression)?;
        self.close(open)?;
        let span = start.to(self.last_span());
        self.node(ExprKind::Some { property, condition: Box::new(condition) }, span)
    }

    /// A name, or several joined by dots.
    pub(crate) fn path(&mut self) -> Parsed<Path> {
        let start = self.span();
        let mut names = Vec::new();
        loop {
            match self.peek().clone() {
                Token::Word { text, .. } => {
                    self.next();
                    names.push(text);
                }
                _ => return self.expected("a name"),
            }
            if !(self.is_sign(".") && matches!(self.peek_at(1), Token::Word { .. })) {
                return Ok(Path { names, span: start.to(self.last_span()) });
            }
            self.next();
        }
    }

    fn list(&mut self) -> Parsed<Expr> {
        let start = self.span();
        self.next();
        let mut items = Vec::new();
        while !self.is_sign("]") {
            let item = self.level(Self::signed)?;
            match item.kind {
                ExprKind::Literal(literal) => items.push((literal, item.span)),
                _ => {
                    let error =
                        Error::new(ErrorKind::Syntax, "a list holds values, not names or calls", item.span);
                    return self.error(error.help("put quotes around a text: `[\"FR\", \"DE\"]`"));
                }
            }
            if !self.eat(",") && !self.is_sign("]") {
                return self.expected("`,` or `]` in a list");
            }
        }
        self.next();
        self.node(ExprKind::List(items), start.to(self.last_span()))
    }

    fn call(&mut self, name: &str, start: Span) -> Parsed<Expr> {
        let open = self.last_span();
        let kind = self.recovering(|p| p.level(|p| p.arguments(name, start)))?;
        self.close(open)?;
        let kind = if let ExprKind::Sequence { steps, .. } = kind {
            ExprKind::Sequence { steps, window: self.window()? }
        } else {
            kind
        };
        self.node(kind, start.to(self.last_span()))
    }

    fn arguments(&mut self, name: &str, start: Span) -> Parsed<ExprKind> {
        if name == "sequence" {
            return self.steps();
        }
        if name == "has" {
            let list = self.path()?;
            if !self.eat_word("where") {
                return self.expected("`where` and what one object must meet");
            }
            return Ok(ExprKind::Has { list, condition: Box::new(self.expression()?) });
        }
        if AGGREGATES.contains(&name) {
            let events = Box::new(self.events()?);
            let mut args = Vec::new();
            while self.eat(",") {
                args.push(self.expression()?);
            }
            return Ok(ExprKind::Aggregate { name: name.into(), name_span: start, events, args });
        }
        let mut args = Vec::new();
        while !self.is_sign(")") {
            args.push(self.expression()?);
            if !self.eat(",") {
                break;
            }
        }
        // No other functions take events: one of those is misspelt.
        let is_of_events = ["where", "in", "since"].iter().any(|word| self.is_word(word));
        if is_of_events && !FUNCTIONS.contains(&name) && !FACTS.contains(&name) {
            let error =
                Error::new(ErrorKind::UnknownName, format!("unknown function {}", Quoted(name)), start);
            return self.error(error.suggest(nearest(name, AGGREGATES)));
        }
        Ok(ExprKind::Call { name: name.into(), name_span: start, args })
    }

    /// Parses what stands in parentheses. After an error it goes on behind them, so that the rest of the text is
    /// looked at too.
    fn recovering<T: Recover>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        let opened = self.at;
        let parsed = parse(self);
        if parsed.is_ok() && self.is_sign(")") {
            return parsed;
        }
        if parsed.is_ok() {
            let _ = self.expected::<()>("an operator or `)`");
            // What comes next goes on with something that has not begun yet as long as the parenthesis is open.
            let goes_on = ["and", "or"].iter().any(|word| self.is_word(word))
                || [">", "<", ">=", "<=", "=", "!="].iter().any(|sign| self.is_sign(sign));
            if (goes_on || *self.peek() == Token::End)
                && let Some(error) = self.errors.pop()
            {
                self.errors.push(error.help("close every `(` with a `)`"));
            }
        }
        // Every parenthesis from the opening one on counts, those that were read before the error too.
        let mut depth = 1;
        let mut at = opened;
        loop {
            match self.tokens[at].0 {
                Token::Sign("(") => depth += 1,
                Token::Sign(")") => depth -= 1,
                Token::End => return Err(Reported),
                _ => {}
            }
            if depth == 0 {
                self.at = at;
                return Ok(T::invalid(self.tokens[opened].1.to(self.span())));
            }
            at += 1;
        }
    }

    fn close(&mut self, open: Span) -> Parsed<()> {
        if self.eat(")") {
            return Ok(());
        }
        let error = Error::new(ErrorKind::Syntax, "a `(` that is not closed", open);
        self.error(error.help("close it with `)`"))
    }
}

/// What stands in the place of something that could not be parsed.
trait Recover {
    fn invalid(span: Span) -> Self;
}

impl Recover for Expr {
    fn invalid(span: Span) -> Expr {
        Expr { kind: ExprKind::Invalid, span }
    }
}

impl Recover for ExprKind {
    fn invalid(_: Span) -> ExprKind {
        ExprKind::Invalid
    }
}
