//! Names that look like secrets or personal data.

/// Words that name a secret wherever they stand in a name.
const SECRETS: [&str; 15] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "secrets",
    "token",
    "apikey",
    "credential",
    "credentials",
    "cvv",
    "cvc",
    "pin",
    "privatekey",
    "bearer",
];
/// Pairs of words that together name a secret.
const SECRET_PAIRS: [(&str, &str); 7] = [
    ("api", "key"),
    ("private", "key"),
    ("access", "key"),
    ("signing", "key"),
    ("encryption", "key"),
    ("client", "key"),
    ("session", "cookie"),
];
/// Words that name personal data.
const PERSONAL: [&str; 13] = [
    "ssn",
    "iban",
    "passport",
    "birthdate",
    "birthday",
    "dob",
    "ethnicity",
    "religion",
    "diagnosis",
    "salary",
    "pan",
    "taxid",
    "creditcard",
];
/// Pairs of words that together name personal data.
const PERSONAL_PAIRS: [(&str, &str); 11] = [
    ("social", "security"),
    ("credit", "card"),
    ("card", "number"),
    ("account", "number"),
    ("tax", "id"),
    ("date", "birth"),
    ("birth", "date"),
    ("home", "address"),
    ("phone", "number"),
    ("email", "address"),
    ("driver", "licence"),
];

/// The words of a name: `cardNumber`, `card-number` and `CARD_NUMBER` are all card, number.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut word = String::new();
    let mut before = ' ';
    let letters: Vec<char> = name.chars().collect();
    for (index, &c) in letters.iter().enumerate() {
        let next_is_lower = letters.get(index + 1).is_some_and(|next| next.is_lowercase());
        let begins = c.is_uppercase() && (before.is_lowercase() || (before.is_uppercase() && next_is_lower));
        if (begins || !c.is_alphabetic()) && !word.is_empty() {
            words.push(std::mem::take(&mut word));
        }
        if c.is_alphabetic() {
            word.extend(c.to_lowercase());
        }
        before = c;
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

fn like(name: &str, single: &[&str], pairs: &[(&str, &str)]) -> Option<String> {
    let words = words(name);
    if let Some(word) = words.iter().find(|word| single.contains(&word.as_str())) {
        return Some(word.clone());
    }
    // A word in between, as in date of birth.
    let near = |at: usize| {
        [at + 1, at + 2].into_iter().filter_map(|next| words.get(next)).map(String::as_str).collect::<Vec<_>>()
    };
    let pair = pairs.iter().find(|(first, second)| {
        words.iter().enumerate().any(|(at, word)| word == first && near(at).contains(second))
    })?;
    Some(format!("{} {}", pair.0, pair.1))
}

/// The part of a name that looks like a secret.
pub fn secret(name: &str) -> Option<String> {
    like(name, &SECRETS, &SECRET_PAIRS)
}

/// The part of a name that looks like personal data.
pub fn personal(name: &str) -> Option<String> {
    like(name, &PERSONAL, &PERSONAL_PAIRS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_found_in_every_way_of_writing() {
        for name in
            ["password", "user_password", "rotateApiKey", "API-KEY", "refreshToken", "client.secret", "dbPwd", "PIN"]
        {
            assert!(secret(name).is_some(), "{name}");
        }
        for name in ["iban", "customerSSN", "date-of-birth", "CreditCard", "card_number", "taxId"] {
            assert!(personal(name).is_some(), "{name}");
        }
    }

    #[test]
    fn everyday_names_are_not() {
        for name in [
            "charge-card",
            "count-tokens",
            "tokenize",
            "pinned",
            "spinUp",
            "keyboard",
            "monkey",
            "span",
            "panel",
            "email-shipped",
            "order-warehouse",
            "ship",
        ] {
            assert_eq!((secret(name), personal(name)), (None, None), "{name}");
        }
    }
}
