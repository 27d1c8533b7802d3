/// The size of the host's base page in bytes, fixed on x86-64.
public let hostPageSize: UInt64 = 4096
