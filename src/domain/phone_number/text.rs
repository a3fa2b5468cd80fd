//! How a phone number is written.

use arrayvec::{ArrayString, ArrayVec};
use rlibphonenumber::PHONE_NUMBER_UTIL;
use unicode_properties::{GeneralCategory, GeneralCategoryGroup, UnicodeGeneralCategory};

use super::{has_extension, not_valid};
use crate::domain::violation::Invalid;

/// The maximum number of digits that are read: an international prefix, a carrier's code and the longest number together
/// take fewer.
const MAX_DIGITS: usize = 32;

/// What is written before an extension.
const EXTENSION_LABELS: [&str; 4] = ["x", "ext", "extn", "extension"];

/// A number as it is written.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// Whether there is a "+" before the digits.
    pub has_plus: bool,
    /// The digits, in ASCII.
    pub digits: ArrayString<MAX_DIGITS>,
    /// How many digits come before the end of each group but the last.
    pub group_ends: ArrayVec<usize, MAX_DIGITS>,
    /// Those of the group ends after which a second number could begin: a slash, a bracket, a line break.
    pub dividers: ArrayVec<usize, MAX_DIGITS>,
    /// Whether the first digits are in parentheses, as area codes are.
    pub starts_in_parentheses: bool,
}

/// What a character means in a number.
enum Kind {
    Digit(char),
    Plus,
    /// Between digits.
    Separator,
    /// Between digits, or between two numbers.
    Divider,
    /// Before and after a number: quotes, a colon, a telephone sign.
    Around,
    /// Anywhere, without a meaning.
    Invisible,
    /// Nowhere. Above all letters: a word or a mask is not a number.
    Wrong,
}

/// Takes a text apart. It must be one number, with only punctuation and signs around it.
pub fn scan(text: &str) -> Result<Written, Invalid> {
    if is_decimal(text) {
        return Err(not_valid());
    }
    let mut written = Written::default();
    let (mut between, mut has_ended) = (None, false);
    for (index, c) in text.char_indices() {
        let is_before = written.digits.is_empty();
        match Kind::of(c) {
            Kind::Digit(_) if has_ended => return Err(not_valid()),
            Kind::Digit(digit) => {
                if let Some(divides) = between.take() {
                    written.end_group(divides);
                }
                written.digits.try_push(digit).map_err(|_| not_valid())?;
            }
            Kind::Plus if is_before => written.has_plus = true,
            Kind::Separator | Kind::Divider if is_before => {
                written.starts_in_parentheses |= matches!(c, '(' | '\u{ff08}');
            }
            Kind::Separator => between = Some(between.unwrap_or(false)),
            Kind::Divider => between = Some(true),
            Kind::Around if is_before && !written.has_plus => {}
            Kind::Around if !is_before => has_ended = true,
            Kind::Invisible => {}
            Kind::Wrong if !is_before && is_extension(&text[index..]) => {
                return Err(has_extension());
            }
            Kind::Plus | Kind::Around | Kind::Wrong => return Err(not_valid()),
        }
    }
    if written.digits.is_empty() {
        return Err(not_valid());
    }
    Ok(written)
}

/// Whether a character has no meaning anywhere.
pub fn is_invisible(c: char) -> bool {
    matches!(Kind::of(c), Kind::Invisible)
}

impl Written {
    /// A number that is written as `digits` alone.
    pub fn bare(has_plus: bool, digits: &str) -> Option<Self> {
        Some(Self {
            has_plus,
            digits: ArrayString::from(digits).ok()?,
            ..Self::default()
        })
    }

    /// Whether the digits are the same, in the same groups.
    pub fn is_grouped_like(&self, other: &Self) -> bool {
        self.digits == other.digits && self.group_ends == other.group_ends
    }

    /// Ends a group of digits. There are fewer groups than digits, so there is room.
    fn end_group(&mut self, divides: bool) {
        let end = self.digits.len();
        let _ = self.group_ends.try_push(end);
        if divides {
            let _ = self.dividers.try_push(end);
        }
    }
}

impl Kind {
    fn of(c: char) -> Self {
        match c {
            '0'..='9' => Self::Digit(c),
            '+' | '\u{ff0b}' | '\u{fe62}' => Self::Plus,
            ' ' | '-' | '.' | ')' | ']' => Self::Separator,
            '/' | '(' | '[' | '~' | '\n' | '\r' => Self::Divider,
            'A'..='Z' | 'a'..='z' | '*' | '#' => Self::Wrong,
            // Full-width forms, and other waves and dashes, as in Google's parser.
            '\u{ff0e}' | '\u{ff09}' | '\u{ff3d}' | '\u{2212}' | '\u{30fc}' => Self::Separator,
            '\u{ff0f}' | '\u{ff08}' | '\u{ff3b}' | '\u{ff5e}' | '\u{2053}' | '\u{223c}' => {
                Self::Divider
            }
            '\u{0b}' | '\u{0c}' | '\u{85}' | '\u{2028}' | '\u{2029}' => Self::Divider,
            // Stars and hashes belong to dialling codes; the last is a heavy plus sign.
            '\u{ff0a}' | '\u{fe61}' | '\u{ff03}' | '\u{fe5f}' | '\u{2795}' => Self::Wrong,
            // They only choose whether a telephone sign is shown in color.
            '\u{fe0e}' | '\u{fe0f}' => Self::Invisible,
            '<' | '=' | '>' | '|' => Self::Around,
            c if c.is_whitespace() => Self::Separator,
            c => Self::by_category(c),
        }
    }

    fn by_category(c: char) -> Self {
        use GeneralCategory::{
            DashPunctuation, DecimalNumber, Format, ModifierSymbol, OtherSymbol,
        };
        match c.general_category() {
            Format => Self::Invisible,
            DecimalNumber => ascii_digit(c).map_or(Self::Wrong, Self::Digit),
            DashPunctuation => Self::Separator,
            ModifierSymbol | OtherSymbol => Self::Around,
            _ if c.general_category_group() == GeneralCategoryGroup::Punctuation => Self::Around,
            _ => Self::Wrong,
        }
    }
}

/// The ASCII digit of a digit in any script.
fn ascii_digit(c: char) -> Option<char> {
    let digits = PHONE_NUMBER_UTIL.normalize_digits_only(c.encode_utf8(&mut [0; 4]));
    digits.chars().next()
}

/// Whether what follows a number is a label and an extension of digits.
fn is_extension(text: &str) -> bool {
    let label_end = text.find(|c: char| !c.is_alphabetic());
    let (label, extension) = text.split_at(label_end.unwrap_or(text.len()));
    let is_label = match label {
        "" => extension.starts_with('#'),
        label => EXTENSION_LABELS.contains(&label.to_lowercase().as_str()),
    };
    let extension = extension.trim_matches(|c: char| c.is_whitespace() || "#.:=".contains(c));
    is_label && !extension.is_empty() && extension.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether a program wrote the digits as a decimal fraction, such as `4915223456789.0`, whose last zeros don't belong to the
/// number.
fn is_decimal(text: &str) -> bool {
    let text = text.trim().trim_start_matches('+');
    text.split_once('.').is_some_and(|(whole, fraction)| {
        whole.bytes().all(|byte| byte.is_ascii_digit())
            && !fraction.is_empty()
            && fraction.bytes().all(|byte| byte == b'0')
    })
}
