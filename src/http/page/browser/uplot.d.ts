// uPlot as the server gives it to the page, under a name beside the page's own modules.

export { default } from 'uplot';
