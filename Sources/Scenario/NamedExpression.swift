/// A figure with a name of its own.
public struct NamedExpression: Sendable {
    public var name: String
    public var expression: Expression
    public var line: Int
}
