// Light and dark: as the system says, or as chosen here. The choice is kept for the next visit.

import { byId } from './elements.js';

const NAME = 'cairn-theme';
const THEMES = ['system', 'light', 'dark'] as const;

type Theme = (typeof THEMES)[number];

/** `onChange` is called when the colours have changed. */
export function startTheme(onChange: () => void): void {
  const button = byId('theme', HTMLButtonElement);
  const show = (theme: Theme): void => {
    document.documentElement.dataset['theme'] = theme;
    button.textContent = `Theme: ${theme}`;
    onChange();
  };
  let theme = THEMES.find((each) => each === localStorage.getItem(NAME)) ?? 'system';
  show(theme);
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length]!;
    localStorage.setItem(NAME, theme);
    show(theme);
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
}

/** Returns a colour of page.css in the form that the canvas of a chart needs. */
export function colourOf(name: string): string {
  const probe = document.createElement('span');
  probe.style.color = `var(--${name})`;
  document.body.append(probe);
  const { color } = getComputedStyle(probe);
  probe.remove();
  return color;
}
