//! Scopes: space-separated names (RFC 6749 section 3.3).

/// Returns the names in a scope parameter.
pub(crate) fn names(scope: &str) -> impl Iterator<Item = &str> {
    scope.split(' ').filter(|name| !name.is_empty())
}

pub(crate) fn contains(scope: &str, name: &str) -> bool {
    names(scope).any(|granted| granted == name)
}

/// Returns whether every name of `requested` is among `allowed`.
pub(crate) fn is_within(requested: &str, allowed: &[impl AsRef<str>]) -> bool {
    names(requested).all(|name| allowed.iter().any(|known| known.as_ref() == name))
}
