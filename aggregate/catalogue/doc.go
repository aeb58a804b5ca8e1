// Package catalogue makes documents of what aggregates take and store: Markdown for people, and
// AsyncAPI for tools. Call [Run] in a program of the application that has its definitions:
//
//	func main() {
//		accounts, err := aggregate.Describe(bank.Accounts())
//		if err == nil {
//			err = catalogue.Run("Bank", os.Args[1:], accounts)
//		}
//		if err != nil {
//			log.Fatal(err)
//		}
//	}
//
// Keep its output in the repository, and let CI run it with -check. Then a review shows each change
// of an event's shape. Whether old events can still be read is a question for aggregatetest.Golden.
// Read aggregate.Describe next, which says what the documents are made of.
package catalogue
