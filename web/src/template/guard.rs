//! Guards: what a template's source is checked for, and what is written into it, before it is compiled.
//!
//! The engine counts instructions. It counts neither how long an expression is (its parser calls itself for each
//! `not`, so a long one would end the process), nor how much text one instruction makes: `{% set x = x ~ x %}` forty
//! times over is a terabyte. So expressions have a length, and the source is rewritten, keeping its lines:
//!
//! - `a + b` becomes `__part(a) + __part(b)`, likewise `*`: no operand is longer than a bound;
//! - `a ~ b` becomes `__text(a) ~ __text(b)`, which also bounds how long lists are as text;
//! - the body of a loop or macro and the template itself begin with `__plain(n)`, which counts their plain text.
//!
//! Names that begin with `__` belong to this module and are refused.

use minijinja::machinery::{Token, ast, parse, tokenize};
use minijinja::syntax::SyntaxConfig;
use minijinja::{Error, ErrorKind};

/// Longest source of one template.
const SOURCE_BYTES_MAX: usize = 256 << 10;
/// Most tokens between `{{` and `}}` or `{%` and `%}`.
const TAG_TOKENS_MAX: usize = 1_000;
/// Plain text shorter than this is not worth counting: the fuel bounds how often it is written.
const PLAIN_BYTES_MIN: usize = 64;

/// The source with the guards in it. `name` is what errors call the template.
///
/// # Errors
/// When it is too long, nested too deep, no template, or uses a reserved name.
pub(crate) fn guarded(name: &str, source: &str) -> Result<String, Error> {
    if source.len() > SOURCE_BYTES_MAX {
        let problem =
            format!("the template has {} bytes; at most {SOURCE_BYTES_MAX} are taken", source.len());
        return Err(Error::new(ErrorKind::SyntaxError, problem));
    }
    let tokens = check_tokens(source)?;
    let template = parse(source, name, SyntaxConfig::default())?;
    let mut guards = Guards { source, tokens: &tokens, inserts: Vec::new() };
    let plain = guards.statement(&template)?;
    if plain >= PLAIN_BYTES_MIN {
        guards.insert(0, format!("{{{{ __plain({plain}) }}}}"));
    }
    Ok(guards.write_into(source))
}

/// What of a token matters here.
#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Concat,
    Add,
    Multiply,
    Open,
    Close,
    End,
    Other,
}

struct Place {
    kind: Kind,
    start: usize,
    end: usize,
}

fn check_tokens(source: &str) -> Result<Vec<Place>, Error> {
    let mut places = Vec::new();
    let mut in_tag = 0;
    for token in tokenize(source, false, SyntaxConfig::default()) {
        let (token, span) = token?;
        let problem = |problem: &str| {
            let text = format!("line {}: {problem}", span.start_line);
            Err(Error::new(ErrorKind::SyntaxError, text))
        };
        in_tag += 1;
        let kind = match token {
            Token::Tilde => Kind::Concat,
            Token::Plus => Kind::Add,
            Token::Mul => Kind::Multiply,
            Token::ParenOpen => Kind::Open,
            Token::ParenClose => Kind::Close,
            Token::VariableEnd | Token::BlockEnd => Kind::End,
            Token::VariableStart | Token::BlockStart | Token::TemplateData(_) => {
                in_tag = 0;
                Kind::Other
            }
            Token::Ident(name) if name.starts_with("__") => {
                return problem(&format!("`{name}`: names that begin with `__` are reserved"));
            }
            _ => Kind::Other,
        };
        if in_tag > TAG_TOKENS_MAX {
            return problem("the expression is too long: split it up with `set`");
        }
        places.push(Place { kind, start: span.start_offset as usize, end: span.end_offset as usize });
    }
    Ok(places)
}

struct Guards<'a> {
    source: &'a str,
    tokens: &'a [Place],
    inserts: Vec<(usize, String)>,
}

impl Guards<'_> {
    fn insert(&mut self, offset: usize, text: impl Into<String>) {
        self.inserts.push((offset, text.into()));
    }

    fn write_into(mut self, source: &str) -> String {
        self.inserts.sort_by_key(|(offset, _)| *offset);
        let mut written = String::with_capacity(source.len() + self.inserts.len() * 16);
        let mut from = 0;
        for (offset, text) in &self.inserts {
            written.push_str(source.get(from..*offset).unwrap_or_default());
            written.push_str(text);
            from = *offset;
        }
        written.push_str(source.get(from..).unwrap_or_default());
        written
    }

    /// The tokens that begin at or after `start` and end at or before `end`.
    fn between(&self, start: usize, end: usize) -> impl Iterator<Item = &Place> {
        let first = self.tokens.partition_point(|place| place.start < start);
        self.tokens[first..].iter().take_while(move |place| place.end <= end)
    }

    fn all(&mut self, statements: &[ast::Stmt<'_>]) -> Result<usize, Error> {
        let mut plain: usize = 0;
        for statement in statements {
            plain += self.statement(statement)?;
        }
        Ok(plain)
    }

    /// Guards a statement and answers how much plain text it writes, without that of loops and macros in it, which
    /// count their own.
    fn statement(&mut self, statement: &ast::Stmt<'_>) -> Result<usize, Error> {
        use ast::Stmt;
        Ok(match statement {
            Stmt::Template(it) => self.all(&it.children)?,
            Stmt::EmitRaw(it) => it.raw.len(),
            Stmt::EmitExpr(it) => self.expression(&it.expr).map(|()| 0)?,
            Stmt::ForLoop(it) => return self.for_loop(it),
            Stmt::IfCond(it) => {
                self.expression(&it.expr)?;
                self.all(&it.true_body)? + self.all(&it.false_body)?
            }
            Stmt::WithBlock(it) => {
                for (_, value) in &it.assignments {
                    self.expression(value)?;
                }
                self.all(&it.body)?
            }
            Stmt::Set(it) => self.expression(&it.expr).map(|()| 0)?,
            Stmt::SetBlock(it) => {
                self.maybe(it.filter.as_ref())?;
                self.all(&it.body)?
            }
            Stmt::AutoEscape(it) => {
                self.expression(&it.enabled)?;
                self.all(&it.body)?
            }
            Stmt::FilterBlock(it) => {
                self.expression(&it.filter)?;
                self.all(&it.body)?
            }
            Stmt::Block(it) => self.all(&it.body)?,
            Stmt::Extends(it) => self.expression(&it.name).map(|()| 0)?,
            Stmt::Include(it) => self.expression(&it.name).map(|()| 0)?,
            Stmt::Import(it) => self.expression(&it.expr).map(|()| 0)?,
            Stmt::FromImport(it) => self.expression(&it.expr).map(|()| 0)?,
            Stmt::Macro(it) => return self.macro_declared(it, it.span().start_offset as usize),
            Stmt::CallBlock(it) => {
                self.call(&it.call)?;
                // What stands in the block is written whenever the macro asks for it: counted as if it were a loop.
                let plain = self.all(&it.macro_decl.body)?;
                if plain >= PLAIN_BYTES_MIN * 16 {
                    let problem = "a call block with much plain text: put the text into a macro";
                    return Err(Error::new(ErrorKind::SyntaxError, problem));
                }
                plain
            }
            Stmt::Do(it) => self.call(&it.call).map(|()| 0)?,
        })
    }

    fn for_loop(&mut self, it: &ast::Spanned<ast::ForLoop<'_>>) -> Result<usize, Error> {
        self.expression(&it.iter)?;
        self.maybe(it.filter_expr.as_ref())?;
        let body = self.all(&it.body)?;
        if it.recursive && body >= PLAIN_BYTES_MIN * 4 {
            let problem = "a recursive loop with much plain text: put the text into a macro";
            return Err(Error::new(ErrorKind::SyntaxError, problem));
        }
        if body >= PLAIN_BYTES_MIN {
            self.count_plain(it.span().start_offset as usize, body);
        }
        self.all(&it.else_body)
    }

    fn macro_declared(&mut self, it: &ast::Macro<'_>, start: usize) -> Result<usize, Error> {
        for default in &it.defaults {
            self.expression(default)?;
        }
        let plain = self.all(&it.body)?;
        if plain >= PLAIN_BYTES_MIN {
            self.count_plain(start, plain);
        }
        Ok(0)
    }

    /// Counts plain text behind the tag that begins at or after `start`, each time that is passed. Where the tag takes
    /// away the space that follows it, the count does so in its stead.
    fn count_plain(&mut self, start: usize, bytes: usize) {
        let Some(tag) = self.between(start, usize::MAX).find(|place| place.kind == Kind::End) else { return };
        let (end, takes_space) = (tag.end, self.source.as_bytes().get(tag.start) == Some(&b'-'));
        let close = if takes_space { "-}}" } else { "}}" };
        self.insert(end, format!("{{{{ __plain({bytes}) {close}"));
    }

    fn maybe(&mut self, expression: Option<&ast::Expr<'_>>) -> Result<(), Error> {
        expression.map_or(Ok(()), |expression| self.expression(expression))
    }

    fn expression(&mut self, expression: &ast::Expr<'_>) -> Result<(), Error> {
        use ast::Expr;
        match expression {
            Expr::Var(_) | Expr::Const(_) => Ok(()),
            Expr::Slice(it) => {
                self.expression(&it.expr)?;
                self.maybe(it.start.as_ref())?;
                self.maybe(it.stop.as_ref())?;
                self.maybe(it.step.as_ref())
            }
            Expr::UnaryOp(it) => self.expression(&it.expr),
            Expr::BinOp(it) => self.binary(it),
            Expr::Compare(it) => {
                self.expression(&it.expr)?;
                it.ops.iter().try_for_each(|op| self.expression(&op.expr))
            }
            Expr::IfExpr(it) => {
                self.expression(&it.test_expr)?;
                self.expression(&it.true_expr)?;
                self.maybe(it.false_expr.as_ref())
            }
            Expr::Filter(it) => {
                self.maybe(it.expr.as_ref())?;
                self.arguments(&it.args)
            }
            Expr::Test(it) => {
                self.expression(&it.expr)?;
                self.arguments(&it.args)
            }
            Expr::GetAttr(it) => self.expression(&it.expr),
            Expr::GetItem(it) => {
                self.expression(&it.expr)?;
                self.expression(&it.subscript_expr)
            }
            Expr::Call(it) => self.call(it),
            Expr::List(it) => it.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Tuple(it) => it.items.iter().try_for_each(|item| self.expression(item)),
            Expr::Map(it) => it.keys.iter().chain(&it.values).try_for_each(|item| self.expression(item)),
        }
    }

    fn call(&mut self, call: &ast::Call<'_>) -> Result<(), Error> {
        self.expression(&call.expr)?;
        self.arguments(&call.args)
    }

    fn arguments(&mut self, arguments: &[ast::CallArg<'_>]) -> Result<(), Error> {
        use ast::CallArg;
        arguments.iter().try_for_each(|argument| match argument {
            CallArg::Pos(value)
            | CallArg::Kwarg(_, value)
            | CallArg::PosSplat(value)
            | CallArg::KwargSplat(value) => self.expression(value),
        })
    }

    /// Puts both sides of an operator that makes texts or lists longer into a call that measures them.
    fn binary(&mut self, it: &ast::Spanned<ast::BinOp<'_>>) -> Result<(), Error> {
        self.expression(&it.left)?;
        self.expression(&it.right)?;
        let kind = match it.op {
            ast::BinOpKind::Concat => Kind::Concat,
            ast::BinOpKind::Add => Kind::Add,
            ast::BinOpKind::Mul => Kind::Multiply,
            _ => return Ok(()),
        };
        let (left, right) = (it.left.span(), it.right.span());
        let mut operators = self
            .between(left.end_offset as usize, right.start_offset as usize)
            .filter(|place| place.kind == kind)
            .map(|place| (place.start, place.end));
        let (Some((start, end)), None) = (operators.next(), operators.next()) else {
            let problem =
                format!("line {}: the expression is too intricate: split it up with `set`", left.start_line);
            return Err(Error::new(ErrorKind::SyntaxError, problem));
        };
        drop(operators);
        let measure = if kind == Kind::Concat { "__text(" } else { "__part(" };
        self.insert(it.span().start_offset as usize, measure);
        self.insert(start, ")");
        self.insert(end, measure);
        self.insert(it.span().end_offset as usize, ")");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_sides_of_what_makes_texts_longer_are_measured() {
        for (source, expected) in [
            ("{{ a }}", "{{ a }}"),
            ("{{ a ~ b }}", "{{ __text(a )~__text( b) }}"),
            ("{{ a~b~c }}", "{{ __text(__text(a)~__text(b))~__text(c) }}"),
            ("{{ (a ~ b) ~ c }}", "{{ __text((__text(a )~__text( b)) )~__text( c) }}"),
            ("{{ a ~ (b ~ c) }}", "{{ __text(a )~__text( (__text(b )~__text( c))) }}"),
            ("{{ a + b * c }}", "{{ __part(a )+__part( __part(b )*__part( c)) }}"),
            ("{{ f(x=a ~ b|e)[0] }}", "{{ f(x=__text(a )~__text( b|e))[0] }}"),
            ("{{ -a + (b if c else d) }}", "{{ __part(-a )+__part( (b if c else d)) }}"),
            ("{% set x = a ~ 'y' %}", "{% set x = __text(a )~__text( 'y') %}"),
        ] {
            assert_eq!(guarded("t", source).unwrap(), expected);
        }
    }

    #[test]
    fn plain_text_is_counted_where_it_can_be_written_again_and_again() {
        let text = "0123456789".repeat(10);
        let sources = [
            (
                format!("{{% for a in b -%}}{text}{{%- endfor %}}"),
                format!("{{% for a in b -%}}{{{{ __plain(100) -}}}}{text}"),
            ),
            (
                format!("{{% macro m(a) %}}{text}{{% endmacro %}}"),
                format!("{{% macro m(a) %}}{{{{ __plain(100) }}}}{text}"),
            ),
            (text.clone(), format!("{{{{ __plain(100) }}}}{text}")),
        ];
        for (source, start) in sources {
            let written = guarded("t", &source).unwrap();
            assert!(written.starts_with(&start), "{written}");
        }
    }

    #[test]
    fn reserved_names_and_endless_expressions_are_refused() {
        for source in [
            "{{ __part }}".to_owned(),
            "{% macro __text(x) %}{% endmacro %}".to_owned(),
            format!("{{{{ {}1 }}}}", "not ".repeat(50_000)),
            format!("{{{{ 1{} }}}}", "+1".repeat(60_000)),
            format!("{{{{ a{} }}}}", ".b".repeat(60_000)),
            format!("{{{{ {} }}}}", "(".repeat(900)),
            "{% if true %}".repeat(10_000),
            "x".repeat(300_000),
        ] {
            assert!(guarded("t", &source).is_err(), "{:.40}", source);
        }
    }
}
