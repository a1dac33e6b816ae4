/**
 * Os dois motores: três servidores, e três pontes sobre o etcd. Para um cliente, o mesmo.
 *
 * @module
 */

import { iniciarTresProgramas } from "../apoio.ts";
import { abrirEtcd, abrirPontes, SEM_ETCD } from "../apoio/etcd.ts";

/** Três servidores, seja qual for o motor. */
export interface Motor extends AsyncDisposable {
  readonly enderecos: readonly string[];
  /** O que um deles mostrou na console. */
  saida(n: number): string;
  /** Tira do ar o que guarda os values de um: o servidor, ou o membro do etcd. */
  tirar(n: number): Promise<void>;
}

/** O que não é igual nos dois, e o que se espera de cada um. */
export interface Diferencas {
  /** PUTs de keys diferentes, juntos, nunca têm o mesmo timestamp. */
  readonly unicos: boolean;
  /** O primeiro timestamp de todos é 1: o do etcd conta também o que não é nosso. */
  readonly comecamEmUm: boolean;
  /** Com um dos três fora, um PUT acaba num ERRO definitivo: no etcd basta a maioria. */
  readonly todosConfirmam: boolean;
}

/** Um motor por começar. */
export interface Modelo {
  readonly nome: string;
  readonly falta: boolean;
  readonly diferencas: Diferencas;
  /** Começa os três, prontos a receber PUTs. */
  abrir(): Promise<Motor>;
}

const PRAZO = "--prazo=3000";

export const MOTORES: readonly Modelo[] = [{
  nome: "três servidores",
  falta: false,
  diferencas: { unicos: true, comecamEmUm: true, todosConfirmam: true },
  async abrir() {
    const grupo = await iniciarTresProgramas({ 0: [PRAZO], 1: [PRAZO], 2: [PRAZO] });
    return {
      enderecos: grupo.enderecos,
      saida: (n) => grupo.programas[n]!.saida,
      tirar: (n) => grupo.programas[n]!.matar(),
      [Symbol.asyncDispose]: () => grupo[Symbol.asyncDispose](),
    };
  },
}, {
  nome: "três pontes sobre o etcd",
  falta: SEM_ETCD,
  diferencas: { unicos: false, comecamEmUm: false, todosConfirmam: false },
  async abrir() {
    const etcd = await abrirEtcd();
    const pontes = await abrirPontes(etcd, PRAZO);
    return {
      enderecos: pontes.enderecos,
      saida: (n) => pontes.programa(n).saida,
      tirar: etcd.matar,
      async [Symbol.asyncDispose]() {
        await pontes[Symbol.asyncDispose]();
        await etcd[Symbol.asyncDispose]();
      },
    };
  },
}];
