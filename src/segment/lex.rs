//! Text to tokens. Never fails as a whole: what cannot be read is an error in the list and a token is left out.

use crate::model::{Duration, Instant, Quoted};
use crate::segment::{Error, ErrorKind, Span};

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// A word; quoted ones are never keywords.
    Word {
        text: Box<str>,
        quoted: bool,
    },
    Text(Box<str>),
    Int(i64),
    Float(f64),
    Duration(i64),
    Instant(i64),
    /// Milliseconds since midnight.
    Time(i32),
    /// Metres, where number and unit are written as one.
    Metres(f64),
    /// `= != < <= > >= + - * / ( ) [ ] , . :`
    Sign(&'static str),
    End,
}

/// Two characters first, so that `<=` is not `<`.
const SIGNS: [&str; 18] =
    ["==", "!=", "<>", "<=", ">=", "&&", "||", "=", "<", ">", "+", "-", "*", "/", "(", ")", "[", "]"];
const MORE_SIGNS: [&str; 4] = [",", ".", ":", "!"];

pub(crate) fn lex(text: &str) -> (Vec<(Token, Span)>, Vec<Error>) {
    let mut lexer = Lexer { text, at: 0, tokens: Vec::new(), errors: Vec::new() };
    while lexer.at < text.len() {
        lexer.token();
    }
    let end = Span { start: text.len(), end: text.len() };
    lexer.tokens.push((Token::End, end));
    (lexer.tokens, lexer.errors)
}

struct Lexer<'a> {
    text: &'a str,
    at: usize,
    tokens: Vec<(Token, Span)>,
    errors: Vec<Error>,
}

impl<'a> Lexer<'a> {
    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    /// Takes characters while they fit.
    fn run(&mut self, fits: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !fits(c)).unwrap_or(rest.len());
        self.at += length;
        &rest[..length]
    }

    fn push(&mut self, token: Token, start: usize) {
        self.tokens.push((token, Span { start, end: self.at }));
    }

    fn error(&mut self, message: String, start: usize, help: Option<String>) {
        let error = Error::new(ErrorKind::Lexical, message, Span { start, end: self.at });
        self.errors.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
    }

    fn token(&mut self) {
        let start = self.at;
        let Some(c) = self.rest().chars().next() else { return };
        match c {
            '#' => {
                self.run(|c| c != '\n');
            }
            c if c.is_whitespace() => {
                self.run(char::is_whitespace);
            }
            '0'..='9' => self.number(start),
            'a'..='z' | 'A'..='Z' | '_' => {
                let text = self.run(is_word).into();
                self.push(Token::Word { text, quoted: false }, start);
            }
            '"' | '\'' => self.string(start, c),
            '`' => {
                self.at += 1;
                let text = self.run(|c| c != '`' && c != '\n');
                if self.rest().starts_with('`') && !text.is_empty() {
                    self.at += 1;
                    self.push(Token::Word { text: text.into(), quoted: true }, start);
                } else {
                    self.error(
                        "a name in backquotes that does not end".into(),
                        start,
                        Some("close it with `".into()),
                    );
                }
            }
            '@' => {
                self.at += 1;
                let text = self.run(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | ':' | '.' | '+'));
                let midnight;
                let full = if text.len() == 10 {
                    midnight = format!("{text}T00:00:00Z");
                    &midnight
                } else {
                    text
                };
                match full.parse::<Instant>() {
                    Ok(at) => self.push(Token::Instant(at.as_millis()), start),
                    Err(_) => {
                        let help = "write `@2026-11-23` or `@2026-11-23T10:00:00Z`".to_owned();
                        self.error(format!("{} is not an instant", Quoted(text)), start, Some(help));
                        self.push(Token::Instant(0), start);
                    }
                }
            }
            _ => self.sign(start, c),
        }
    }

    fn sign(&mut self, start: usize, c: char) {
        let Some(sign) = SIGNS.iter().chain(&MORE_SIGNS).find(|sign| self.rest().starts_with(**sign)) else {
            self.at += c.len_utf8();
            let help = match c {
                '“' | '”' | '„' | '‘' | '’' => Some("write straight quotes: \"…\"".to_owned()),
                '≥' => Some("write `>=`".to_owned()),
                '≤' => Some("write `<=`".to_owned()),
                '≠' => Some("write `!=`".to_owned()),
                '%' => Some("a percent sign stands directly behind a number: `10%`".to_owned()),
                c if c.is_alphabetic() => Some("put a name with such letters in backquotes".to_owned()),
                _ => None,
            };
            return self.error(
                format!("unexpected character {}", Quoted(c.encode_utf8(&mut [0; 4]))),
                start,
                help,
            );
        };
        self.at += sign.len();
        // Operators of other languages are named and then read as what they mean, so that the rest is checked too.
        let word = |text: &str| Token::Word { text: text.into(), quoted: false };
        match *sign {
            "&&" => {
                self.error("`&&` is not an operator here".into(), start, Some("write `and`".into()));
                self.push(word("and"), start);
            }
            "||" => {
                self.error("`||` is not an operator here".into(), start, Some("write `or`".into()));
                self.push(word("or"), start);
            }
            "!" => {
                self.error("`!` is not an operator here".into(), start, Some("write `not`".into()));
                self.push(word("not"), start);
            }
            "<>" => {
                self.error("`<>` is not an operator here".into(), start, Some("write `!=`".into()));
                self.push(Token::Sign("!="), start);
            }
            "==" => self.push(Token::Sign("="), start),
            sign => self.push(Token::Sign(sign), start),
        }
    }

    fn string(&mut self, start: usize, quote: char) {
        self.at += 1;
        let mut text = String::new();
        loop {
            text.push_str(self.run(|c| c != quote && c != '\\'));
            let mut rest = self.rest().chars();
            match (rest.next(), rest.next()) {
                (Some('\\'), Some(escape)) => {
                    let escape_start = self.at;
                    self.at += 1 + escape.len_utf8();
                    match escape {
                        '\\' | '"' | '\'' => text.push(escape),
                        'n' => text.push('\n'),
                        't' => text.push('\t'),
                        'u' => match self.unicode_escape() {
                            Some(c) => text.push(c),
                            None => self.bad_escape(escape_start),
                        },
                        _ => self.bad_escape(escape_start),
                    }
                }
                (Some('\\') | None, _) => {
                    self.at = self.text.len();
                    self.error(
                        "a string that does not end".into(),
                        start,
                        Some(format!("close it with {quote}")),
                    );
                    break;
                }
                _ => {
                    self.at += 1;
                    break;
                }
            }
        }
        self.push(Token::Text(text.into()), start);
    }

    fn unicode_escape(&mut self) -> Option<char> {
        let (code, _) = self.rest().strip_prefix('{')?.split_once('}')?;
        let c = char::from_u32(u32::from_str_radix(code, 16).ok().filter(|_| code.len() <= 6)?)?;
        self.at += code.len() + 2;
        Some(c)
    }

    fn bad_escape(&mut self, start: usize) {
        let help = "known are `\\\\`, `\\\"`, `\\'`, `\\n`, `\\t` and `\\u{1F600}`".to_owned();
        self.error("an unknown escape".into(), start, Some(help));
    }

    fn number(&mut self, start: usize) {
        let digits = self.run(|c| c.is_ascii_digit() || c == '_');
        let rest = self.rest();
        let next = |n: usize| rest.as_bytes().get(n).copied().unwrap_or(b' ');
        if next(0) == b':' && next(1).is_ascii_digit() && digits.len() <= 2 {
            return self.time(start);
        }
        let mut float = next(0) == b'.' && next(1).is_ascii_digit();
        if float {
            self.at += 1;
            self.run(|c| c.is_ascii_digit() || c == '_');
        }
        let rest = self.rest().as_bytes();
        let sign = usize::from(matches!(rest.get(1), Some(b'+' | b'-')));
        if matches!(rest.first(), Some(b'e' | b'E')) && rest.get(1 + sign).is_some_and(u8::is_ascii_digit) {
            float = true;
            self.at += 1 + sign;
            self.run(|c| c.is_ascii_digit());
        }
        let number: String = self.text[start..self.at].chars().filter(|c| *c != '_').collect();
        let unit_start = self.at;
        let unit = self.run(is_word);
        if unit.is_empty() {
            if self.rest().starts_with('%') {
                self.at += 1;
            }
            return match number.parse::<i64>() {
                Ok(n) if !float => self.push(Token::Int(n), start),
                _ => self.push(Token::Float(number.parse().unwrap_or(f64::INFINITY)), start),
            };
        }
        let metres = match unit {
            "km" => Some(1_000.0),
            "mi" => Some(1_609.344),
            _ => None,
        };
        if let Some(metres) = metres {
            return self.push(Token::Metres(number.parse::<f64>().unwrap_or(0.0) * metres), start);
        }
        let written: String = self.text[start..self.at].chars().filter(|c| *c != '_').collect();
        match written.parse::<Duration>() {
            Ok(duration) if !float => self.push(Token::Duration(duration.as_millis()), start),
            _ => {
                let help = if float && Duration::unit(unit).is_some() {
                    "a duration takes whole numbers: `1h30m` for one and a half hours".to_owned()
                } else {
                    "the units of a duration are ms, s, m, h, d and w".to_owned()
                };
                self.error(
                    format!("{} is not a number or duration", Quoted(&written)),
                    unit_start.min(start),
                    Some(help),
                );
                self.push(Token::Duration(1), start);
            }
        }
    }

    fn time(&mut self, start: usize) {
        self.run(|c| c.is_ascii_digit() || c == ':');
        let text = &self.text[start..self.at];
        let parts: Vec<Option<i32>> =
            text.split(':').map(|part| part.parse().ok().filter(|_| part.len() <= 2)).collect();
        let millis = match parts[..] {
            [Some(h @ 0..=23), Some(m @ 0..=59)] => Some((h * 60 + m) * 60_000),
            [Some(h @ 0..=23), Some(m @ 0..=59), Some(s @ 0..=59)] => Some(((h * 60 + m) * 60 + s) * 1_000),
            _ => None,
        };
        match millis {
            Some(millis) => self.push(Token::Time(millis), start),
            None => {
                let help = "write `07:30` or `07:30:15`, from 00:00 to 23:59:59".to_owned();
                self.error(format!("{} is not a time of day", Quoted(text)), start, Some(help));
                self.push(Token::Time(0), start);
            }
        }
    }
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}
