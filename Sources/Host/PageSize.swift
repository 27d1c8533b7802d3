/// The size of the host's base page in bytes, fixed on x86-64.
public let hostPageSize: UInt64 = 4096

/// The size of a transparent huge page in bytes: what one entry of a page middle directory maps on x86-64.
public let transparentHugePageSize: UInt64 = 2 << 20
