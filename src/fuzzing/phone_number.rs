use crate::domain::phone_number::{DefaultRegion, PhoneNumber};

/// Regions whose national formats differ: trunk prefixes of one digit, two and none, zeros that are kept, and prefixes that
/// look like country codes.
const REGIONS: [&str; 12] = [
    "AR", "BR", "CI", "DE", "ID", "IT", "JP", "KZ", "MX", "RU", "SM", "US",
];

/// `data` is a byte that chooses a region or none, then a phone number. A parsed number is in E.164 and parses to itself in
/// every region, and a number with a "+" is the same in all of them.
pub fn phone_number(data: &[u8]) {
    let Some((choice, text)) = data.split_first() else {
        return;
    };
    let Ok(text) = std::str::from_utf8(text) else {
        return;
    };
    let code = REGIONS.get(usize::from(*choice) % (REGIONS.len() + 1));
    let region = code.map(|code| DefaultRegion::parse(code).expect("a region"));
    let parsed = PhoneNumber::parse(text, region).ok();
    if let Some(number) = parsed {
        reads_back(number);
    }
    // This does not hold after "00": in Japan, for example, some national numbers begin like that.
    if text.starts_with('+') {
        assert_eq!(PhoneNumber::parse(text, None).ok(), parsed);
    }
}

fn reads_back(number: PhoneNumber) {
    let text = number.as_str();
    let digits = text.strip_prefix('+').expect("a plus");
    assert!((1..=15).contains(&digits.len()));
    assert!(digits.bytes().all(|byte| byte.is_ascii_digit()));
    assert_eq!(PhoneNumber::from_stored(text), Some(number));
    assert_eq!(PhoneNumber::parse(text, None).ok(), Some(number));
    for code in REGIONS {
        let region = DefaultRegion::parse(code);
        assert_eq!(PhoneNumber::parse(text, region).ok(), Some(number));
    }
}
