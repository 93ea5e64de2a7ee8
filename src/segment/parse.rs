//! Tokens to tree, by recursive descent with a bounded depth.
//!
//! `Err(Reported)` means that the error is in the list already; parentheses are where parsing goes on.

use crate::model::{Quoted, nearest};
use crate::segment::ast::{Comparison, Expr, ExprKind, Literal, Operator, TextTest};
use crate::segment::lex::{Token, lex};
use crate::segment::{Error, ErrorKind, Span};

/// Longest text of an expression, in bytes.
pub const TEXT_BYTES_MAX: usize = 64 * 1024;
/// Deepest nesting of an expression.
pub const DEPTH_MAX: usize = 128;
/// Most nodes of an expression.
pub const NODES_MAX: usize = 4_096;

/// An error was put into the list.
pub(crate) struct Reported;
pub(crate) type Parsed<T> = Result<T, Reported>;

pub(crate) struct Parser {
    pub(crate) tokens: Vec<(Token, Span)>,
    pub(crate) at: usize,
    depth: usize,
    deepest: usize,
    nodes: usize,
    pub(crate) errors: Vec<Error>,
}

/// Words that cannot be names unless they are quoted.
pub(crate) const RESERVED: [&str; 10] =
    ["and", "or", "not", "in", "is", "where", "between", "contains", "true", "false"];
/// Functions whose argument is events.
pub(crate) const AGGREGATES: [&str; 15] = [
    "did",
    "count",
    "sum",
    "avg",
    "min",
    "max",
    "stddev",
    "median",
    "percentile",
    "distinct",
    "mode",
    "first",
    "last",
    "active_days",
    "streak",
];
/// Most errors that are reported of one text: more say nothing new.
const ERRORS_MAX: usize = 20;

/// A text that was parsed.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: Expr,
    /// How deep it was nested.
    pub(crate) depth: usize,
}

/// Parses a whole text. The tree is only of use where there are no errors.
pub(crate) fn parse(text: &str) -> (Tree, Vec<Error>) {
    let span = Span { start: 0, end: text.len() };
    if text.len() > TEXT_BYTES_MAX {
        let error = Error::new(
            ErrorKind::Limit,
            format!("the text has {} bytes, at most {TEXT_BYTES_MAX} are allowed", text.len()),
            Span::default(),
        );
        let error = error.help("split it into segments and join them with `segment(\"name\")`");
        return (Tree { root: Expr { kind: ExprKind::Invalid, span }, depth: 0 }, vec![error]);
    }
    let (tokens, errors) = lex(text);
    let mut parser = Parser { tokens, at: 0, depth: 0, deepest: 0, nodes: 0, errors };
    let mut root = parser.expression().unwrap_or(Expr { kind: ExprKind::Invalid, span });
    if parser.errors.is_empty() && *parser.peek() != Token::End {
        parser.unexpected_end();
        root.kind = ExprKind::Invalid;
    }
    parser.errors.sort_by_key(|e| (e.span().start, e.span().end));
    parser.errors.truncate(ERRORS_MAX);
    (Tree { root, depth: parser.deepest }, parser.errors)
}

impl Parser {
    // --- tokens

    pub(crate) fn peek(&self) -> &Token {
        self.peek_at(0)
    }

    pub(crate) fn peek_at(&self, ahead: usize) -> &Token {
        let last = self.tokens.len() - 1;
        &self.tokens[(self.at + ahead).min(last)].0
    }

    pub(crate) fn span(&self) -> Span {
        self.tokens[self.at.min(self.tokens.len() - 1)].1
    }

    /// The span of the token before.
    pub(crate) fn last_span(&self) -> Span {
        self.tokens[self.at.saturating_sub(1)].1
    }

    pub(crate) fn next(&mut self) -> Token {
        let token = self.peek().clone();
        self.at += usize::from(token != Token::End);
        token
    }

    pub(crate) fn word_at(&self, ahead: usize, word: &str) -> bool {
        matches!(self.peek_at(ahead), Token::Word { text, quoted: false } if text.eq_ignore_ascii_case(word))
    }

    pub(crate) fn is_word(&self, word: &str) -> bool {
        self.word_at(0, word)
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let there = self.is_word(word);
        self.at += usize::from(there);
        there
    }

    pub(crate) fn is_sign(&self, sign: &str) -> bool {
        matches!(self.peek(), Token::Sign(found) if *found == sign)
    }

    pub(crate) fn eat(&mut self, sign: &str) -> bool {
        let there = self.is_sign(sign);
        self.at += usize::from(there);
        there
    }

    pub(crate) fn expect(&mut self, sign: &str, place: &str) -> Parsed<Span> {
        if self.eat(sign) { Ok(self.last_span()) } else { self.expected(&format!("`{sign}` {place}")) }
    }

    pub(crate) fn error<T>(&mut self, error: Error) -> Parsed<T> {
        self.errors.push(error);
        Err(Reported)
    }

    pub(crate) fn expected<T>(&mut self, wanted: &str) -> Parsed<T> {
        let found = match self.peek() {
            Token::End => "the end".to_owned(),
            Token::Word { text, .. } => Quoted(text).to_string(),
            Token::Sign(sign) => format!("`{sign}`"),
            Token::Text(_) => "a string".to_owned(),
            Token::Int(_) | Token::Float(_) => "a number".to_owned(),
            Token::Duration(_) => "a duration".to_owned(),
            Token::Instant(_) => "an instant".to_owned(),
            Token::Time(_) => "a time of day".to_owned(),
            Token::Metres(_) => "a distance".to_owned(),
        };
        self.error(Error::new(ErrorKind::Syntax, format!("expected {wanted}, found {found}"), self.span()))
    }

    fn unexpected_end(&mut self) {
        let span = self.span();
        let found = self.peek().clone();
        let error = |message: &str| Error::new(ErrorKind::Syntax, message, span);
        let error = match found {
            Token::Word { text, .. } if text.eq_ignore_ascii_case("in") && self.is_window_after_in() => {
                error("a window behind what it is the window of")
                    .help("put it into the parentheses, behind the event: `did(view in 7d)`")
            }
            Token::Word { text, .. } => {
                let e = Error::new(
                    ErrorKind::Syntax,
                    format!("expected an operator or the end, found {}", Quoted(&text)),
                    span,
                );
                e.suggest(nearest(
                    &text,
                    ["and", "or", "in", "between", "contains", "starts with", "is missing"],
                ))
            }
            Token::Sign(")") => error("a `)` too many").help("take it away, or open a `(` before it"),
            Token::Text(_) | Token::Int(_) | Token::Float(_) => error("expected an operator or the end")
                .help("compare with `=`, join conditions with `and` or `or`"),
            _ => error("expected an operator or the end"),
        };
        self.errors.push(error);
    }

    /// Counts a node and a level; every recursion of the parser passes here, so the stack is bounded.
    pub(crate) fn level<T>(&mut self, parse: impl FnOnce(&mut Self) -> Parsed<T>) -> Parsed<T> {
        if self.depth >= DEPTH_MAX {
            let error = Error::new(
                ErrorKind::Limit,
                format!("the expression is more than {DEPTH_MAX} deep"),
                self.span(),
            );
            return self.error(error.help("split it into segments and join them with `segment(\"name\")`"));
        }
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let parsed = parse(self);
        self.depth -= 1;
        parsed
    }

    pub(crate) fn node(&mut self, kind: ExprKind, span: Span) -> Parsed<Expr> {
        self.count(span)?;
        Ok(Expr { kind, span })
    }

    /// Counts something that takes time to evaluate.
    pub(crate) fn count(&mut self, span: Span) -> Parsed<()> {
        self.nodes += 1;
        if self.nodes > NODES_MAX {
            let error =
                Error::new(ErrorKind::Limit, format!("the expression has more than {NODES_MAX} nodes"), span);
            return self.error(error.help("split it into segments and join them with `segment(\"name\")`"));
        }
        Ok(())
    }

    // --- levels, loosest first

    pub(crate) fn expression(&mut self) -> Parsed<Expr> {
        self.level(Self::or)
    }

    fn or(&mut self) -> Parsed<Expr> {
        let first = self.and()?;
        if !self.is_word("or") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat_word("or") {
            all.push(self.and()?);
        }
        let span = all[0].span.to(self.last_span());
        self.node(ExprKind::Or(all), span)
    }

    fn and(&mut self) -> Parsed<Expr> {
        let first = self.not()?;
        if !self.is_word("and") {
            return Ok(first);
        }
        let mut all = vec![first];
        while self.eat_word("and") {
            all.push(self.not()?);
        }
        let span = all[0].span.to(self.last_span());
        self.node(ExprKind::And(all), span)
    }

    fn not(&mut self) -> Parsed<Expr> {
        let start = self.span();
        if !self.eat_word("not") {
            return self.comparison();
        }
        let inner = self.level(Self::not)?;
        let span = start.to(inner.span);
        self.node(ExprKind::Not(Box::new(inner)), span)
    }

    fn comparison_sign(&self) -> Option<Comparison> {
        let Token::Sign(sign) = self.peek() else { return None };
        Some(match *sign {
            "=" => Comparison::Equal,
            "!=" => Comparison::NotEqual,
            "<" => Comparison::Less,
            "<=" => Comparison::LessOrEqual,
            ">" => Comparison::Greater,
            ">=" => Comparison::GreaterOrEqual,
            _ => return None,
        })
    }

    fn comparison(&mut self) -> Parsed<Expr> {
        let left = self.sum()?;
        self.compared(left)
    }

    /// What stands behind the left side. Apart from `comparison`, so that the many places of this function are not
    /// on the stack once for every level of nesting.
    #[inline(never)]
    fn compared(&mut self, left: Expr) -> Parsed<Expr> {
        let start = left.span;
        let left = Box::new(left);
        let kind = if let Some(sign) = self.comparison_sign() {
            self.next();
            let right = self.sum()?;
            if self.comparison_sign().is_some() {
                let span = start.to(self.span());
                let error = Error::new(ErrorKind::ChainedComparison, "comparisons do not chain", span);
                return self.error(
                    error.help("write `x between 1 and 5`, which includes both ends, or join two with `and`"),
                );
            }
            ExprKind::Compare(sign, left, Box::new(right))
        } else if self.is_word("in") && !self.is_window_after_in() {
            self.next();
            ExprKind::In(left, Box::new(self.list_operand()?), false)
        } else if self.is_word("not") && self.word_at(1, "in") {
            self.next();
            self.next();
            ExprKind::In(left, Box::new(self.list_operand()?), true)
        } else if self.is_word("between") && !matches!(self.peek_at(1), Token::Instant(_))
            || self.is_word("between") && !self.is_boolean(&left)
        {
            self.next();
            let low = self.sum()?;
            if !self.eat_word("and") {
                return self.expected("`and` and the upper end of `between`");
            }
            ExprKind::Between(left, Box::new(low), Box::new(self.sum()?))
        } else if self.eat_word("contains") {
            ExprKind::Text(TextTest::Contains, left, Box::new(self.sum()?))
        } else if self.eat_word("matches") {
            ExprKind::Text(TextTest::Matches, left, Box::new(self.sum()?))
        } else if (self.is_word("starts") || self.is_word("ends")) && self.word_at(1, "with") {
            let test = if self.is_word("starts") { TextTest::StartsWith } else { TextTest::EndsWith };
            self.next();
            self.next();
            ExprKind::Text(test, left, Box::new(self.sum()?))
        } else if self.eat_word("is") {
            let negated = self.eat_word("not");
            if self.eat_word("missing") {
                ExprKind::IsMissing(left, negated)
            } else if self.eat_word("present") {
                ExprKind::IsMissing(left, !negated)
            } else {
                return self.expected("`missing` or `present` behind `is`");
            }
        } else {
            return Ok(*left);
        };
        self.node(kind, start.to(self.last_span()))
    }

    /// Whether a tree can only be a bool, so that a `between` behind it is a window and not a comparison.
    fn is_boolean(&self, tree: &Expr) -> bool {
        matches!(
            tree.kind,
            ExprKind::Compare(..)
                | ExprKind::In(..)
                | ExprKind::Between(..)
                | ExprKind::Text(..)
                | ExprKind::IsMissing(..)
                | ExprKind::Not(_)
                | ExprKind::And(_)
                | ExprKind::Or(_)
                | ExprKind::Sequence { .. }
                | ExprKind::Literal(Literal::Bool(_))
        )
    }

    fn list_operand(&mut self) -> Parsed<Expr> {
        if self.is_sign("[") || matches!(self.peek(), Token::Word { .. }) {
            return self.sum();
        }
        self.expected("a list such as `[\"FR\", \"DE\"]`")
    }

    fn sum(&mut self) -> Parsed<Expr> {
        let first = self.product()?;
        let mut rest = Vec::new();
        loop {
            let operator = if self.eat("+") {
                Operator::Add
            } else if self.eat("-") {
                Operator::Subtract
            } else {
                break;
            };
            rest.push((operator, self.product()?));
        }
        self.chain(first, rest)
    }

    fn product(&mut self) -> Parsed<Expr> {
        let first = self.signed()?;
        let mut rest = Vec::new();
        loop {
            let operator = if self.eat("*") {
                Operator::Multiply
            } else if self.eat("/") {
                Operator::Divide
            } else {
                break;
            };
            rest.push((operator, self.signed()?));
        }
        self.chain(first, rest)
    }

    fn chain(&mut self, first: Expr, rest: Vec<(Operator, Expr)>) -> Parsed<Expr> {
        if rest.is_empty() {
            return Ok(first);
        }
        self.nodes += rest.len() - 1;
        let span = first.span.to(self.last_span());
        self.node(ExprKind::Chain(Box::new(first), rest), span)
    }
}
