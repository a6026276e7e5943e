/** What texts of the tests have in them: none of it may show up in what a test run prints. */
export const textMark = 'between-you-and-me';
